package hls

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/protocol/storage"
)

// keyring makes the keys of a channel (AES-128, RFC 8216 4.3.2.4 and 5.2).
type keyring struct {
	c    *channel
	disk *storage.Disk // nil: keys are in memory alone
	now  *key
}

// key is a key, and the initialization vector of the segments that it is for.
type key struct {
	c         *channel
	name, uri string
	secret    [aes.BlockSize]byte
	iv        [aes.BlockSize]byte
	file      *segment.File
	users     int // segments; channel.mu guards it
}

func newKeyring(c *channel) (*keyring, error) {
	r := &keyring{c: c}
	if dir := c.cfg.Keys.Dir; dir != "" {
		var err error
		if r.disk, err = c.m.disk(dir); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// next gives the key for a segment, a new one every FragmentsPerKey segments.
func (r *keyring) next(seq int) (*key, error) {
	v := &r.c.cfg.Keys
	if r.now != nil && seq%v.FragmentsPerKey != 0 {
		return r.now, nil
	}
	name, err := storage.Expand(v.File, storage.Vars{Key: r.c.key, Seq: seq})
	if err != nil {
		return nil, err
	}
	k := &key{c: r.c, name: name}
	_, _ = rand.Read(k.secret[:]) // never fails (crypto/rand)
	_, _ = rand.Read(k.iv[:])
	if k.uri = relative(r.c.lists[0].name, name); v.URL != "" {
		k.uri = v.URL + playlist.Escape(name)
	}
	if r.disk != nil { // before the segment: who has that asks for the key at once
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		if err := r.disk.Put(ctx, name, bytes.NewReader(k.secret[:]), int64(len(k.secret))); err != nil {
			return nil, err
		}
	}
	if r.c.store != nil && r.c.store.upload != nil {
		j := fileJob(name, k.secret[:])
		j.remote = true
		r.c.store.put(j)
	}
	k.file = segment.New("application/octet-stream")
	k.file.CacheControl = "no-store"
	k.file.Append(k.secret[:])
	k.file.Close()
	r.c.m.reg.add(r.c.key.Vhost, name, k)
	r.now = k
	return k, nil
}

// seal encrypts a segment in place, with PKCS #7 padding.
func (k *key) seal(b []byte) []byte {
	n := aes.BlockSize - len(b)%aes.BlockSize
	b = append(b, bytes.Repeat([]byte{byte(n)}, n)...)
	block, _ := aes.NewCipher(k.secret[:]) // the size is right
	cipher.NewCBCEncrypter(block, k.iv[:]).CryptBlocks(b, b)
	return b
}
