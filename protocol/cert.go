package protocol

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// CertReloader serves a certificate from files and takes up new ones when the files
// change, so that a renewed certificate needs no restart. Its GetCertificate goes into
// a tls.Config.
type CertReloader struct {
	cert, key string
	logger    *slog.Logger

	pair    atomic.Pointer[tls.Certificate]
	mu      sync.Mutex
	stamp   [2]fileStamp // of the files that pair, or the last failure, came from
	checked time.Time
}

type fileStamp struct {
	mod  time.Time
	size int64
}

// certCheck is how often the files are looked at, at most.
const certCheck = time.Second

// NewCertReloader reads the PEM files of a certificate chain and its key. A failure to
// read them later leaves the pair in use and is logged once per change of the files.
// A nil logger discards.
func NewCertReloader(certFile, keyFile string, logger *slog.Logger) (*CertReloader, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	r := &CertReloader{cert: certFile, key: keyFile, logger: logger}
	stamp, err := r.stat()
	if err == nil {
		err = r.load()
	}
	if err != nil {
		return nil, fmt.Errorf("protocol: reading certificate: %w", err)
	}
	r.stamp, r.checked = stamp, time.Now()
	return r, nil
}

// GetCertificate gives the pair in use; it is a tls.Config's GetCertificate.
func (r *CertReloader) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if r.mu.TryLock() { // one handshake looks at the files, the others do not wait for it
		if now := time.Now(); now.Sub(r.checked) >= certCheck {
			r.checked = now
			_ = r.refresh() // logged; the old pair stays
		}
		r.mu.Unlock()
	}
	return r.pair.Load(), nil
}

// Reload reads the files now if they changed; the error says why the old pair stays.
func (r *CertReloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked = time.Now()
	return r.refresh()
}

func (r *CertReloader) refresh() error {
	stamp, err := r.stat()
	if err == nil && stamp == r.stamp {
		return nil
	}
	if err == nil {
		err = r.load()
	}
	if err == nil {
		r.stamp = stamp
		r.logger.Info("certificate read", "file", r.cert)
		return nil
	}
	// The two files change one after the other: between the two they do not match.
	// That is tried again when a stamp changes again, as it will.
	if stamp != r.stamp {
		r.logger.Warn("certificate not read, the old one stays", "file", r.cert, "err", err)
	}
	r.stamp = stamp
	return fmt.Errorf("protocol: reading certificate: %w", err)
}

func (r *CertReloader) load() error {
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		return err
	}
	r.pair.Store(&pair)
	return nil
}

func (r *CertReloader) stat() (s [2]fileStamp, err error) {
	for i, f := range [...]string{r.cert, r.key} {
		st, err := os.Stat(f)
		if err != nil {
			return [2]fileStamp{}, err
		}
		s[i] = fileStamp{st.ModTime(), st.Size()}
	}
	return s, nil
}
