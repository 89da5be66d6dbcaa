package rtc

import (
	"time"

	"github.com/srsgo/srs/rtc/desc"
)

type publishing struct{}

func (p *publishing) open(s *session, list []desc.Media) error { return nil }
func (p *publishing) begin()                                   {}
func (p *publishing) rtp([]byte, time.Time)                    {}
func (p *publishing) rtcp([]byte, time.Time)                   {}
func (p *publishing) end()                                     {}
