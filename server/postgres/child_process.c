/*
 * child_process.c - starting the programs of PostgreSQL.
 *
 * The death signal is the kernel's promise that no database outlives its
 * supervisor, however that dies.  It is asked for in the child after fork
 * (fork clears it) and kept over exec, as no program here is set-uid; we have
 * changed our own user before, so credentials no longer change either, which
 * would clear it too.  A parent that died before the request is found by
 * comparing the parent's pid.  "Parent" means the thread that forked: only the
 * main thread starts children.
 *
 * Between fork and exec nothing but async-signal-safe calls: a progress may
 * be drawing from another thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postgres/child_process.h"
#include "postgres/stop_signals.h"

/* In the child.  Returns only on failure, with errno. */
static void
become_program(const OmenChild *child, pid_t parent)
{
	sigset_t	none;
	int			input = child->input_fd;

	if (setsid() < 0)
		return;
	if (child->death_signal != 0 && prctl(PR_SET_PDEATHSIG, child->death_signal) != 0)
		return;
	if (getppid() != parent)
		_exit(1);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0)
		return;
	if (child->output_fd >= 0 &&
		(dup2(child->output_fd, STDOUT_FILENO) < 0 || dup2(child->output_fd, STDERR_FILENO) < 0))
		return;
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(child->argv[0], (char *const *) child->argv);
}

pid_t
omen_child_start(const OmenChild *child, OmenComplaint *complaint)
{
	pid_t		parent = getpid();
	pid_t		pid;
	int			channel[2];
	int			reason = 0;

	/* The write end closes with exec: what can be read is the errno of a failure before it. */
	if (pipe2(channel, O_CLOEXEC) != 0)
	{
		omen_complain(complaint, "cannot start %s: %s", child->argv[0], strerror(errno));
		return 0;
	}
	pid = fork();
	if (pid == 0)
	{
		become_program(child, parent);
		reason = errno;
		if (write(channel[1], &reason, sizeof(reason)) < 0)
			_exit(126);
		_exit(127);
	}
	if (pid < 0)
		reason = errno;
	close(channel[1]);
	if (pid > 0 && read(channel[0], &reason, sizeof(reason)) == (ssize_t) sizeof(reason))
		waitpid(pid, NULL, 0);
	close(channel[0]);
	if (reason != 0)
	{
		omen_complain(complaint, "cannot start %s: %s", child->argv[0], strerror(reason));
		return 0;
	}
	return pid;
}

int
omen_child_wait(pid_t pid, bool *stopped)
{
	int			status = 0;

	*stopped = false;
	while (waitpid(pid, &status, WNOHANG) != pid)
	{
		int			sig = omen_signals_next(200, -1);

		if (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT)
		{
			*stopped = true;
			kill(pid, SIGTERM);
		}
	}
	return status;
}

bool
omen_child_read(const char *const *argv, char *text, size_t text_bytes)
{
	OmenComplaint ignored;
	OmenChild	child = {.argv = argv,.input_fd = -1,.death_signal = SIGKILL};
	int			channel[2];
	pid_t		pid;
	size_t		used = 0;
	ssize_t		bytes;
	int			status = -1;

	text[0] = '\0';
	if (pipe2(channel, O_CLOEXEC) != 0)
		return false;
	child.output_fd = channel[1];
	pid = omen_child_start(&child, &ignored);
	close(channel[1]);
	while (pid > 0 && (bytes = read(channel[0], text + used, text_bytes - 1 - used)) > 0)
		used += (size_t) bytes;
	text[used] = '\0';
	close(channel[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

const char *
omen_child_fate(char *text, size_t text_bytes, int status)
{
	if (WIFSIGNALED(status))
		snprintf(text, text_bytes, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, text_bytes, "exited with code %d", WEXITSTATUS(status));
	return text;
}
