package peer

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/pion/srtp/v2"
	"github.com/stretchr/testify/require"
)

func keyOf(profile srtp.ProtectionProfile) keying {
	k := keying{make([]byte, must(profile.KeyLen())), make([]byte, must(profile.SaltLen()))}
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(k.key)
	_, _ = rnd.Read(k.salt)
	return k
}

// TestGCM: what is protected here another implementation takes, and the other way round, over several turns
// of the sequence number, out of order and with all kinds of headers.
func TestGCM(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm} {
		k := keyOf(profile)
		mine, err := newGCM(k, profile, forRTP)
		require.NoError(t, err)
		back, err := newGCM(k, profile, forRTP)
		require.NoError(t, err)
		seals, err := srtp.CreateContext(k.key, k.salt, profile)
		require.NoError(t, err)
		opens, err := srtp.CreateContext(k.key, k.salt, profile)
		require.NoError(t, err)
		headers := [][]byte{{0x80}, {0xa0}, {0x82, 12 + 7: 0}, {0x90, 12: 0xbe, 13: 0xde, 15: 1, 16: 0x10, 19: 0}}
		rnd := rand.New(rand.NewPCG(3, 4))
		at := []int{60000, 100, 32767} // of three SSRCs
		for n := range 150_000 {
			h := bytes.Clone(headers[rnd.IntN(len(headers))])
			h = append(h, make([]byte, max(0, 12-len(h)))...)
			which := rnd.IntN(len(at))
			at[which] += 1 + rnd.IntN(3)
			seq := at[which]
			if rnd.IntN(8) == 0 && n > 1000 {
				seq -= rnd.IntN(200)
			}
			binary.BigEndian.PutUint16(h[2:], uint16(seq))
			h[11] = byte(which + 1)
			payload := bytes.Repeat([]byte{byte(n)}, 1+rnd.IntN(30))
			plain := append(bytes.Clone(h), payload...)

			dst := make([]byte, len(plain)+overhead)
			sealed := dst[:mine.seal(dst, h, payload)]
			theirs, err := seals.EncryptRTP(nil, plain, nil)
			require.NoError(t, err)
			require.Equal(t, theirs, sealed, "packet %d", n)
			got, err := opens.DecryptRTP(nil, sealed, nil)
			require.NoError(t, err)
			require.Equal(t, plain, got)

			forged := bytes.Clone(theirs)
			forged[rnd.IntN(len(forged))] ^= 1 << rnd.IntN(8)
			_, err = back.open(forged)
			require.Error(t, err)
			if got, err = back.open(theirs); err == nil {
				require.Equal(t, plain, got)
				_, err = back.open(append([]byte(nil), theirs...))
				require.Error(t, err)
			} else { // one that was repeated
				require.ErrorIs(t, err, errReplay)
			}
		}
		require.Len(t, back.sources, len(at), "forged packets leave nothing")
	}
	none, err := newGCM(keyOf(srtp.ProtectionProfileAes128CmHmacSha1_80), srtp.ProtectionProfileAes128CmHmacSha1_80, forRTP)
	require.NoError(t, err)
	require.Nil(t, none)
}

// TestGCMControl: likewise for RTCP.
func TestGCMControl(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm} {
		k := keyOf(profile)
		mine, err := newGCM(k, profile, forRTCP)
		require.NoError(t, err)
		back, err := newGCM(k, profile, forRTCP)
		require.NoError(t, err)
		seals, err := srtp.CreateContext(k.key, k.salt, profile)
		require.NoError(t, err)
		opens, err := srtp.CreateContext(k.key, k.salt, profile)
		require.NoError(t, err)
		for n := range 3000 {
			plain := append([]byte{0x81, 201, 0, 7, 0, 0, 0, byte(n % 3)}, bytes.Repeat([]byte{byte(n)}, n%50/4*4)...)
			sealed, err := mine.sealRTCP(nil, plain)
			require.NoError(t, err)
			got, err := opens.DecryptRTCP(nil, sealed, nil)
			require.NoError(t, err)
			require.Equal(t, plain, got)

			theirs, err := seals.EncryptRTCP(nil, plain, nil)
			require.NoError(t, err)
			for range 8 {
				forged := bytes.Clone(theirs)
				forged[n%len(forged)] ^= 1 << (n % 8)
				_, err = back.openRTCP(forged)
				require.Error(t, err)
			}
			again := bytes.Clone(theirs)
			got, err = back.openRTCP(theirs)
			require.NoError(t, err)
			require.Equal(t, plain, got)
			_, err = back.openRTCP(again)
			require.ErrorIs(t, err, errReplay)
		}
		require.Len(t, back.sources, 3)
		_, err = mine.sealRTCP(nil, make([]byte, rtcpHeader-1))
		require.Error(t, err)
		mine.index = rtcpEncrypted - 1
		_, err = mine.sealRTCP(nil, make([]byte, rtcpHeader))
		require.Error(t, err)
	}
}

// FuzzGCM: whatever comes is refused, or is what was sealed.
func FuzzGCM(f *testing.F) {
	const profile = srtp.ProtectionProfileAeadAes128Gcm
	k := keyOf(profile)
	g, err := newGCM(k, profile, forRTP)
	require.NoError(f, err)
	dst := make([]byte, 200)
	f.Add(bytes.Clone(dst[:g.seal(dst, rtpOf(7, 12), []byte("sound"))]))
	f.Add([]byte{0x9f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := newGCM(k, profile, forRTP)
		require.NoError(t, err)
		control, err := newGCM(k, profile, forRTCP)
		require.NoError(t, err)
		n := len(b)
		if got, err := control.openRTCP(bytes.Clone(b)); err == nil && len(got) != n-gcmTag-4 {
			t.Fatalf("%d bytes of %d", len(got), n)
		}
		if got, err := g.open(b); err == nil && len(got) != n-gcmTag {
			t.Fatalf("%d bytes of %d", len(got), n)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	g, _ := newGCM(keyOf(srtp.ProtectionProfileAeadAes128Gcm), srtp.ProtectionProfileAeadAes128Gcm, forRTP)
	header, payload, dst := rtpOf(0, 12), make([]byte, 1188), make([]byte, 1300)
	b.SetBytes(1200)
	b.ReportAllocs()
	for i := uint16(0); b.Loop(); i++ {
		binary.BigEndian.PutUint16(header[2:], i)
		g.seal(dst, header, payload)
	}
}
