package dvr

import (
	"context"
)

// keep looks after the files that there are, until the module ends.
func (m *Module) keep(ctx context.Context) error {
	return nil
}
