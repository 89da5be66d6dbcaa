package dvr

import (
	"context"
	"time"
)

// keepEvery is how often files are looked after.
const keepEvery = time.Minute

// keep looks after the files that there are, until the module ends: at once, at the end of each file,
// and each minute.
func (m *Module) keep(ctx context.Context) error {
	defer m.work.Done()
	for recovered, adopted := map[string]bool{}, map[string]bool{}; ; {
		next := keepEvery
		for _, p := range m.places() {
			id := p.vhost + " " + p.cfg.Path
			if !recovered[id] { // once: directories may be large
				if recovered[id] = !m.recover(ctx, &p); !recovered[id] {
					next = idle
				}
			}
			if !adopted[id] {
				m.adopt(ctx, &p)
				adopted[id] = true
			}
			m.retain(ctx, &p)
			m.upload(ctx, &p)
		}
		select {
		case <-m.wake:
		case <-time.After(next):
		case <-ctx.Done():
			return nil
		}
	}
}

// indexOf opens the index of a directory, once.
func (m *Module) indexOf(dir string) (*index, error) {
	d, err := m.disk(dir)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.indexes[d]; x != nil {
		return x, nil
	}
	x, err := openIndex(d)
	if err != nil {
		return nil, err
	}
	m.indexes[d] = x
	return x, nil
}

// trouble tells of what looking after files meets.
func (m *Module) trouble(doing string, err error) {
	m.host.Logger.Warn("recordings: "+doing, "err", err)
}

// retain deletes what is too old or too much.
func (m *Module) retain(ctx context.Context, p *place) {
	if !p.cfg.Retention.enabled() {
		return
	}
	var total int64
	files := p.index.list(func(e *entry) bool { return e.Vhost == p.vhost })
	for _, e := range files {
		total += e.Bytes
	}
	for _, e := range files {
		old := p.cfg.Retention.MaxAge > 0 && time.Since(e.end()) > p.cfg.Retention.MaxAge
		much := p.cfg.Retention.MaxBytes > 0 && total > p.cfg.Retention.MaxBytes
		if !old && !much || ctx.Err() != nil {
			continue
		}
		if p.index.exists(ctx, e) { // else somebody else has deleted it, and nothing else must go for it
			if err := m.remove(ctx, p, e); err != nil {
				m.trouble("deleting "+e.Name, err)
				continue
			}
			m.host.Logger.Info("recording deleted", "file", shown(p.index.disk, e.Name), "stream", e.key(), "bytes", e.Bytes, "old", old)
		}
		total -= e.Bytes
	}
}

func (m *Module) remove(ctx context.Context, p *place, e *entry) error {
	if err := p.index.disk.Remove(ctx, e.Name); err != nil {
		return err
	}
	return p.index.put(&entry{Name: e.Name, Gone: true})
}

// upload gives the Uploader what it does not have.
func (m *Module) upload(ctx context.Context, p *place) {
	if p.cfg.Upload == nil {
		return
	}
	for _, e := range p.index.list(func(e *entry) bool { return e.Vhost == p.vhost && !e.Sent }) {
		if ctx.Err() != nil || !p.index.exists(ctx, e) {
			continue
		}
		if err := m.send(ctx, p, e); err != nil {
			if ctx.Err() == nil {
				m.trouble("uploading "+e.Name, err)
			}
			return // what takes none takes no other
		}
	}
}

func (m *Module) send(ctx context.Context, p *place, e *entry) error {
	f, err := p.index.disk.Open(ctx, e.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.cfg.Upload.Put(ctx, e.Name, f, f.Info().Size); err != nil {
		return err
	}
	if p.cfg.DeleteAfterUpload {
		return m.remove(ctx, p, e)
	}
	sent := *e
	sent.Sent = true
	return p.index.put(&sent)
}
