/*
 * stop_signals.c - the signals of a supervisor, as events to wait for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "postgres/stop_signals.h"

static int	signal_fd = -1;
static bool hangups_ignored;

bool
omen_signals_open(void)
{
	struct sigaction before;
	sigset_t	set;

	hangups_ignored = sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd >= 0;
}

/* The signal that waits, or 0. */
static int
take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGHUP && info.ssi_code == SI_KERNEL)
		return hangups_ignored ? 0 : SIGTERM;
	return (int) info.ssi_signo;
}

int
omen_signals_next(int timeout_ms, int other_fd)
{
	struct pollfd events[2] = {{.fd = signal_fd,.events = POLLIN}, {.fd = other_fd,.events = POLLIN}};
	int			waiting = take_signal();

	if (waiting != 0)
		return waiting;
	if (poll(events, 2, timeout_ms) <= 0 || (events[0].revents & POLLIN) == 0)
		return 0;
	return take_signal();
}
