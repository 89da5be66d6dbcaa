package srslog

import "time"

// run is the writer: it writes what is queued, all that has come in the meantime at once.
func (o *Output) run() {
	defer close(o.done)
	for {
		b, ok := o.take()
		if !ok {
			return
		}
		failed := o.writeAll(b)
		o.mu.Lock()
		o.out += int64(len(b))
		o.late = false
		o.spare = b[:0]
		if cap(b) > 2*queueSize {
			o.spare = nil
		}
		if o.waiters > 0 {
			close(o.changed)
			o.changed = make(chan struct{})
		}
		lost := o.lost
		o.lost = 0
		o.mu.Unlock()
		if f := o.onLoss.Load(); f != nil && (lost > 0 || failed != nil) {
			(*f)(lost, failed)
		}
	}
}

// take waits for lines; false means the end.
func (o *Output) take() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 {
		if o.closed {
			return nil, false
		}
		o.asleep = true
		o.mu.Unlock()
		<-o.wake
		o.mu.Lock()
	}
	b := o.queue
	o.queue, o.spare = o.spare, nil
	return b, true
}

// writeAll writes b, which ends at the end of a line, however long that takes; the end of the Output
// ends the tries. It gives what kept it, if anything did.
func (o *Output) writeAll(b []byte) (failed error) {
	for off := 0; ; {
		n, err := o.dest.write(b, off)
		if off = n; err == nil {
			return failed
		}
		failed = err
		select {
		case <-o.stop:
			return failed
		default:
		}
		t := time.NewTimer(o.retry)
		select {
		case <-t.C:
		case <-o.stop:
			t.Stop()
		}
	}
}
