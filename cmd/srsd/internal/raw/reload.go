package raw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/stream"
)

// The states of a reload, as SRS numbers them.
const (
	stateInit     = 0
	stateParse    = 10 // reading the text
	stateCheck    = 20 // checking what it says
	stateApply    = 30
	stateFinished = 90
)

// status is how the last reload went, or goes.
type status struct {
	code  int
	text  string
	state int
	id    string
}

// Reload reads the configuration anew and applies it; the error of either leaves the old one running.
// Whoever wants a reload calls this, so that rpc=reload-fetch knows of all.
func (b *Backend) Reload(ctx context.Context) error {
	b.applying.Lock()
	defer b.applying.Unlock()
	s := status{text: "Success", state: stateParse, id: stream.NewID()[:7]}
	b.set(s)
	f, err := b.cfg.Load()
	if err == nil {
		s.state = stateApply
		b.set(s)
		err = b.cfg.Apply(ctx, f)
	} else if s.state = stateCheck; unreadable(err) {
		s.state = stateParse
	}
	if err != nil {
		s.code, s.text = b.cfg.Describe(err)
	} else {
		s.state = stateFinished
	}
	b.set(s)
	return err
}

// unreadable says whether there is a fault of the text itself among the faults.
func unreadable(err error) bool {
	var list conf.Errors
	return errors.As(err, &list) && slices.ContainsFunc(list, func(e *conf.Error) bool { return e.Syntax })
}

func (b *Backend) set(s status) {
	b.mu.Lock()
	b.status = s
	b.mu.Unlock()
}

func (b *Backend) fetch() Object {
	b.mu.Lock()
	s := b.status
	b.mu.Unlock()
	return Object{{"data", Object{{"err", s.code}, {"msg", s.text}, {"state", s.state}, {"rid", s.id}}}}
}

// describe tells the faults of a configuration in SRS's form.
func describe(err error) (code int, text string) {
	var list conf.Errors
	if !errors.As(err, &list) || len(list) == 0 {
		return 1, "code=1 : " + err.Error()
	}
	code = list.Code()
	name := map[int]string{conf.CodeConfig: "ConfigInvalid", conf.CodeCaster: "CasterEngine"}[code]
	text = fmt.Sprintf("code=%d(%s)", code, name)
	for _, e := range list {
		text += " : " + e.Error()
	}
	return code, text
}
