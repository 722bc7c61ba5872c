/*-------------------------------------------------------------------------
 *
 * without_wx.c
 *	  without_wx PROGRAM ARGUMENTS...: runs it where the system does not let
 *	  programs write their own code.
 *
 * As under systemd's MemoryDenyWriteExecute or a policy of SELinux.  Exit
 * status 77 says that this kernel (before Linux 6.3) has no such switch.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
	{
		perror("without_wx");
		return 77;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}
