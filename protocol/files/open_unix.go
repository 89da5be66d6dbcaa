//go:build unix

package files

import (
	"os"
	"syscall"
)

// openFlags have a FIFO opened at once, where one would wait for its writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK
