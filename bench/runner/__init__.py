# The parts of bench/run; see README.md.
# SPDX-License-Identifier: Apache-2.0
