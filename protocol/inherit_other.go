//go:build !unix

package protocol

import (
	"errors"
	"os"
	"syscall"
)

// Inherit gives the sockets that the process was started with; on this system there are
// none.
func Inherit() (*Inherited, error) { return nil, nil }

func dupSocket(syscall.Conn) (*os.File, error) { return nil, errors.ErrUnsupported }
