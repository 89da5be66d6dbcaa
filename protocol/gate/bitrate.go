package gate

import "github.com/srsgo/srs/stream"

// patience is for how many seconds a publisher may send more than it may: a key frame of a slow
// stream, and what an encoder has saved up, are no more than a moment's.
const patience = 5

// overload is for how many seconds in a row publishers have sent more than they may.
type overload map[*stream.Session]int

// bits tells whether any bit rate of players is limited.
func (l *Limits) bits() bool {
	return l.Total.Bitrate > 0 || l.PerIP.Bitrate > 0 || l.PerStream.Bitrate > 0
}

// measure is called once a second. It notes the bit rates of players where they are limited, and
// ends publishers that send too much.
func (m *Module) measure(h *stream.Hub, old overload) overload {
	cfg := m.cfg.Load()
	now, rates, vhosts := overload{}, map[stream.Key]int64{}, map[string]Vhost{}
	count := cfg.Limits.bits()
	for st := range h.Streams() {
		k := st.Key()
		v, known := vhosts[k.Vhost]
		if !known {
			v = cfg.vhost(k.Vhost)
			vhosts[k.Vhost] = v
			count = count || v.Limits.bits()
		}
		p := st.Publisher()
		if p == nil {
			continue
		}
		rates[k] = 8 * st.Stats().Rate
		limit := lowerOf(cfg.Limits.Ingest, v.Limits.Ingest)
		if limit <= 0 || rates[k] <= limit {
			continue
		}
		if now[p] = old[p] + 1; now[p] >= patience {
			p.Kick(deny(codeLimit, "The bit rate is too high.", "%v: %d kb/s, the limit is %d", k, rates[k]/1000, limit/1000))
		}
	}
	if count {
		m.limits.measured(h, rates)
	}
	return now
}

// measured takes the rates of streams, and adds up those of their players.
func (l *limiter) measured(h *stream.Hub, rates map[stream.Key]int64) {
	sums, none := map[scope]int64{}, &Limits{}
	for s := range h.Sessions() {
		if actionOf(s.Action) != Play || s.Err() != nil {
			continue
		}
		for _, x := range scopes(&s.Request, none, none) {
			sums[x.scope] += rates[s.Request.Key]
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates = rates
	for c, u := range l.used {
		u.bitrate = sums[c]
		l.used[c] = u
	}
}
