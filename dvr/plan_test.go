package dvr

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// packetsOf gives a source's packets.
func packetsOf(t testing.TB, src stream.Source) (out []*stream.Packet) {
	t.Helper()
	for p, err := range stream.Packets(src) {
		require.NoError(t, err)
		out = append(out, p)
	}
	return out
}

// TestSegments: files end at key frames, and together have all frames.
func TestSegments(t *testing.T) {
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		for _, clip := range []*streamtest.Clip{streamtest.HEVCAAC(), streamtest.AACOnly()} {
			t.Run(clip.Name+ext, func(t *testing.T) {
				r := newRig(t, Vhost{Enabled: true, Plan: Segment, Duration: 3 * time.Second, Path: "[stream]-[seq]" + ext})
				packets := packetsOf(t, clip.Loop(2))
				r.publish(t, live, packets...)
				files := r.wait(t, 3)
				require.Equal(t, []string{"av-0" + ext, "av-1" + ext, "av-2" + ext}, r.names(t))
				rest := packets
				for i, x := range files {
					n := slices.IndexFunc(rest, func(p *stream.Packet) bool {
						return p.DTS-rest[0].DTS >= 3*time.Second && (p.Key() || clip.Name == "AACOnly")
					})
					if i == 2 {
						n = len(rest)
					}
					got := readAll(t, x.File, clip.Tracks())
					streamtest.Equal(t, rest[:n], got, streamtest.Compare{AnyConfig: true, FreeSync: true, Tolerance: 25 * time.Millisecond})
					require.InDelta(t, rest[n-1].DTS-rest[0].DTS, x.Duration, float64(100*time.Millisecond))
					rest = rest[n:]
				}
			})
		}
	}
}

// TestResize: another picture size goes on in an FLV and in a TS, and begins another MP4.
func TestResize(t *testing.T) {
	clip := streamtest.H264Resize()
	for ext, n := range map[string]int{".flv": 1, ".ts": 1, ".mp4": 2} {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, Vhost{Enabled: true, Path: "[stream]" + ext})
			r.publish(t, live, clip.Packets()...)
			var total time.Duration
			for i, x := range r.wait(t, n) {
				total += x.Duration
				decodes(t, x.File)
				if ext == ".mp4" {
					size := output(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width", "-of", "csv=p=0", x.File)
					require.Equal(t, []string{"320\n", "640\n"}[i], size)
				}
			}
			require.InDelta(t, clip.Duration(), total, float64(150*time.Millisecond))
		})
	}
}

// TestLateTracks: sound that comes late is in the file: of an MP4 in the next one.
func TestLateTracks(t *testing.T) {
	clip := streamtest.H264AAC()
	alone := &stream.Tracks{List: clip.Tracks().List[slices.IndexFunc(clip.Tracks().List, func(x stream.Track) bool { return x.Kind() == stream.KindVideo }):][:1]}
	var packets []*stream.Packet
	for _, p := range packetsOf(t, clip.Loop(2)) {
		if p.DTS < 3*time.Second {
			if p.Kind() != stream.KindVideo {
				continue
			}
			q := *p
			q.Tracks, q.Track = alone, 0
			p = &q
		}
		packets = append(packets, p)
	}
	for ext, n := range map[string]int{".flv": 1, ".mp4": 2} {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, Vhost{Enabled: true, Path: "[stream]" + ext})
			r.Hub().SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{Probe: time.Millisecond}, nil })
			pub := r.begin(t, live)
			late := slices.IndexFunc(packets, func(p *stream.Packet) bool { return p.Tracks != alone })
			write := func(packets []*stream.Packet) {
				require.NoError(t, streamtest.Publish(context.Background(), pub, streamtest.Source(packets...), 0))
			}
			write(packets[:late])
			require.Eventually(t, func() bool { // what comes late is not waited for
				list := r.module.Recordings()
				return len(list) == 1 && list[0].Duration > 0
			}, patience, time.Millisecond)
			write(packets[late:])
			require.NoError(t, pub.Close(nil))
			files := r.wait(t, n)
			decodes(t, files[n-1].File)
			streams := output(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", files[n-1].File)
			require.Contains(t, streams, "aac")
			require.Contains(t, streams, "h264")
		})
	}
}

// TestRepublish: each publication has a file of its own; a name that is taken is refused, replaced or
// numbered.
func TestRepublish(t *testing.T) {
	clip := streamtest.H264AAC()
	for exists, want := range map[Exists][]string{Refuse: {"live/a.b/c.flv"}, Replace: {"live/a.b/c.flv"}, Number: {"live/a.b/c-1.flv", "live/a.b/c.flv"}} {
		r := newRig(t, Vhost{Enabled: true, Path: "[app]/[stream].flv", Exists: exists})
		key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "a.b/c"}
		r.publish(t, key, clip.Packets()...)
		r.wait(t, 1)
		r.publish(t, key, clip.Packets()[:100]...)
		if exists == Refuse {
			require.Eventually(t, func() bool { return containsLine(r, "code=3082", "exists already") }, patience, 10*time.Millisecond)
		} else {
			r.wait(t, 2)
		}
		require.Equal(t, want, r.names(t))
	}
}

// TestControl: an operator begins, cuts and ends recordings.
func TestControl(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := newRig(t, Vhost{Enabled: true, Apply: []string{"other/*"}, Path: "[stream]-[seq]-[timestamp].flv"})
	require.ErrorIs(t, r.module.Record(ctx, live), stream.ErrNotFound)
	pub := r.begin(t, live)
	done := make(chan error, 1)
	feed, stop := context.WithCancel(ctx)
	defer stop()
	go func() { done <- streamtest.Publish(feed, pub, streamtest.H264AAC().Loop(0), 4) }()
	require.Eventually(t, func() bool { return pub.Stream().Tracks() != nil }, patience, time.Millisecond)
	require.Empty(t, r.module.Recordings())
	require.ErrorIs(t, r.module.Stop(ctx, live), stream.ErrNotFound)
	require.ErrorIs(t, r.module.Cut(ctx, live), stream.ErrNotFound)

	writing := func() Recording {
		var list []Recording
		require.Eventually(t, func() bool { list = r.module.Recordings(); return len(list) == 1 && list[0].Bytes > 0 }, patience, time.Millisecond)
		return list[0]
	}
	require.NoError(t, r.module.Record(ctx, live))
	first := writing()
	require.Equal(t, live, first.Key)
	require.Same(t, pub.Session, first.Session)
	require.ErrorIs(t, r.module.Record(ctx, live), stream.ErrBusy)
	require.NoError(t, r.module.Cut(ctx, live))
	require.Equal(t, first.File, r.wait(t, 1)[0].File)
	second := writing()
	require.NotEqual(t, first.File, second.File)
	require.NoError(t, r.module.Stop(ctx, live))
	require.Equal(t, second.File, r.wait(t, 2)[1].File)
	require.Empty(t, r.module.Recordings())

	// The settings of a reload count for those that no operator has spoken of.
	require.NoError(t, r.module.Reload(New(r.config(Vhost{Enabled: true, Path: "[stream]-[timestamp].ts"}))))
	require.Empty(t, r.module.Recordings())
	require.NoError(t, r.module.Record(ctx, live))
	require.Equal(t, ".ts", filepath.Ext(writing().File))
	stop()
	<-done
	require.NoError(t, pub.Close(nil))
	r.wait(t, 3)
}

// TestReload: settings that come and go begin and end recordings.
func TestReload(t *testing.T) {
	r := newRig(t, Vhost{})
	pub := r.begin(t, live)
	done := make(chan error, 1)
	feed, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	go func() { done <- streamtest.Publish(feed, pub, streamtest.H264AAC().Loop(0), 4) }()
	reload := func(v Vhost) { require.NoError(t, r.module.Reload(New(r.config(v)))) }
	for i := range 2 {
		reload(Vhost{Enabled: true, Apply: []string{"live/av"}, Path: "[timestamp].flv"})
		require.Eventually(t, func() bool { // and has something: an empty recording leaves no file
			list := r.module.Recordings()
			return len(list) == 1 && list[0].Duration > 0
		}, patience, time.Millisecond)
		reload(Vhost{Enabled: true, Apply: []string{"none"}, Path: "[timestamp].flv"})
		r.wait(t, i+1)
	}
	require.Error(t, r.module.Reload(New(Config{HTTP: "http"})))
	stop()
	<-done
	require.NoError(t, pub.Close(nil))
}

// TestShutdown completes the file of a stream that goes on.
func TestShutdown(t *testing.T) {
	r := newRig(t, Vhost{Enabled: true, Path: "[stream].mp4"})
	pub := r.begin(t, live)
	clip := streamtest.H264AAC()
	require.NoError(t, streamtest.Publish(t.Context(), pub, clip.Source(), 8))
	require.Eventually(t, func() bool {
		list := r.module.Recordings()
		return len(list) == 1 && list[0].Duration > 3*time.Second
	}, patience, time.Millisecond)
	r.stop(t)
	decodes(t, r.wait(t, 1)[0].File)
}

// TestTrouble: a disk that cannot be written to costs a line in the log; the stream goes on, and the
// recording does so with a new file once it can.
func TestTrouble(t *testing.T) {
	r := newRig(t, Vhost{Enabled: true, Path: "[stream]-[seq].flv"})
	pub := r.begin(t, live)
	rec, err := newRecorder(r.module, live, pub.Session, r.module.cfg.Load().vhost(live.Vhost))
	require.NoError(t, err)
	clip := streamtest.H264AAC()
	packets := clip.Packets()
	rec.tracks = clip.Tracks()
	for _, p := range packets[:60] {
		require.NoError(t, rec.write(p))
	}
	require.NoError(t, rec.now.out.draft.Close()) // every write fails from here on
	for _, p := range packets[60:200] {
		require.NoError(t, rec.write(p))
	}
	require.Nil(t, rec.now)
	require.Error(t, rec.trouble)
	rec.retry = time.Time{}
	for _, p := range packets[200:] {
		require.NoError(t, rec.write(p))
	}
	rec.close()
	rec.wait()
	require.NoError(t, rec.trouble)
	require.Equal(t, 1, lines(r, "recording stops"))
	require.Equal(t, 1, lines(r, "recording goes on"))
	for _, err := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO, errors.New("other")} {
		require.NoError(t, rec.failed(err))
	}
	require.Equal(t, 2, lines(r, "recording stops"))
	require.NoError(t, pub.Close(nil))
}
