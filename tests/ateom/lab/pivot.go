// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pivotVariable names the new root directory for a program that is this one again, between setpriv and the server: as
// container runtimes do it, since in a chroot(2) no process may make a user namespace, and gVisor does.
const pivotVariable = "ATEOM_LAB_ROOT"

func init() {
	root := os.Getenv(pivotVariable)
	if root == "" {
		return
	}
	os.Unsetenv(pivotVariable)
	err := unix.Chdir(root)
	if err == nil {
		err = unix.PivotRoot(".", ".") // pivot_root(2): the old root lies over the new one
	}
	if err == nil {
		err = unix.Unmount(".", unix.MNT_DETACH)
	}
	if err == nil {
		err = unix.Chdir("/")
	}
	if err == nil {
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintf(os.Stderr, "root directory %s: %v\n", root, err)
	os.Exit(1)
}
