package app

import (
	"context"
	"io"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/doctor"
)

// examine is option -doctor. It gives the exit status: 1 if the server would not work as configured.
func examine(o conf.Options, w io.Writer) int {
	if !doctor.Write(w, doctor.Examine(context.Background(), doctor.This(), o)) {
		return 1
	}
	return 0
}
