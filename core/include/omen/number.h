/*
 * number.h - decimal text to float, exactly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_NUMBER_H
#define OMEN_NUMBER_H

#include "omen/status.h"

/*
 * Parses the decimal floating-point number at `text` (which ends at `end`; no
 * NUL is needed) as strtof in the C locale would, correctly rounded: optional
 * sign, digits with optional point, optional exponent, or inf/infinity/nan in
 * any case.  No leading white space, no hexadecimal.  Sets *value and returns
 * the first character not consumed, or NULL when no number starts here.  A
 * magnitude too large gives infinity and a too small one zero, with
 * *status = OMEN_RANGE; otherwise *status = OMEN_OK.
 */
const char *omen_float_parse(const char *text, const char *end, float *value, OmenStatus *status);

#endif							/* OMEN_NUMBER_H */
