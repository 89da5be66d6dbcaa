package stream

import "time"

// meter counts for the rates between two ticks, and for the statistics.
type meter struct {
	packets, video, bytes      int
	packetRate, videoRate      float64
	last                       time.Time
	totalPackets, totalBytes   uint64
	totalFrames, keyFrames     uint64
	keyInterval, keyAt         time.Duration
	audioAt, videoAt, ahead    time.Duration // of the publication's newest packets; smoothed
	hasAudio, hasVideo, hasKey bool
}

func (m *meter) count(p *Packet) {
	m.packets++
	m.bytes += len(p.Payload)
	m.totalPackets++
	m.totalBytes += uint64(len(p.Payload))
	switch p.Kind() {
	case KindVideo:
		m.video++
		m.totalFrames++
		m.videoAt, m.hasVideo = p.DTS, true
		if p.Flags&KeyFrame != 0 {
			m.keyFrames++
			if m.hasKey {
				m.keyInterval = p.DTS - m.keyAt
			}
			m.keyAt, m.hasKey = p.DTS, true
		}
	case KindAudio:
		m.audioAt, m.hasAudio = p.DTS, true
	default:
		return
	}
	if m.hasAudio && m.hasVideo {
		const packets = 128 // about two seconds of a usual stream
		m.ahead += (m.audioAt - m.videoAt - m.ahead) / packets
	}
}

// begin forgets what belongs to one publication.
func (m *meter) begin(now time.Time) {
	m.last, m.keyInterval, m.ahead = now, 0, 0
	m.hasAudio, m.hasVideo, m.hasKey = false, false, false
}

func (m *meter) tick(now time.Time) {
	d := max(now.Sub(m.last).Seconds(), 0.1)
	m.packetRate = float64(m.packets) / d
	m.videoRate = float64(m.video) / d
}
