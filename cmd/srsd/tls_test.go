//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certificate writes NAME.crt and NAME.key of a certificate for NAME.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for ext, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+ext), pem.EncodeToMemory(block), 0o600))
	}
}

// serves gives the name of the certificate at a port.
func serves(t *testing.T, port int) string {
	t.Helper()
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true}) // it is ours
	require.NoError(t, err)
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTLS(t *testing.T) {
	dir, rtmps, https := t.TempDir(), freePort(t), freePort(t)
	certificate(t, dir, "one")
	certificate(t, dir, "two")
	text := strings.Replace(basic, "listen 127.0.0.1:HTTP;", fmt.Sprintf(
		"listen 127.0.0.1:HTTP; https { enabled on; listen 127.0.0.1:%d; cert DIR/NAME.crt; key DIR/NAME.key; }", https), 1) +
		fmt.Sprintf("rtmps { enabled on; listen 127.0.0.1:%d; cert DIR/NAME.crt; key DIR/NAME.key; }\n", rtmps) + playable
	with := func(name string) string { return strings.NewReplacer("DIR", dir, "NAME", name).Replace(text) }
	s := launch(t, with("one"), nil, "-c", "srs.conf")
	require.Equal(t, "one", serves(t, rtmps))
	require.Equal(t, "one", serves(t, https))

	s.write(with("none"))
	s.signal(syscall.SIGHUP)
	s.await("the old configuration stays")
	require.Equal(t, "one", serves(t, rtmps))

	s.write(with("two"))
	s.signal(syscall.SIGHUP)
	s.await("reloaded, ")
	require.Equal(t, "two", serves(t, rtmps))
	require.Equal(t, "two", serves(t, https))
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.exits())
}
