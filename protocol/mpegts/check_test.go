package mpegts

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// checker holds a transport stream against the rules of ISO 13818-1 and ETSI TR 101 290:
// sizes, continuity, checksums, how often tables and clock come, that the clock does not
// go back, and that time stamps lie after it.
type checker struct {
	last     map[uint16]byte // counter of each PID
	clock    uint16
	pids     map[uint16]bool
	versions []byte
	tables   int   // PATs
	clocks   int   // PCRs
	access   int   // random access points
	jumps    int   // discontinuity indicators
	pes      int   // PES packets
	pcr      int64 // of 1/90000 s
	tablePCR int64 // clock at the last PAT
	first    []uint16
	anyTime  bool // time stamps may be anything
}

func check(b []byte) (*checker, error) {
	c := &checker{last: map[uint16]byte{}, pids: map[uint16]bool{}, pcr: -1, tablePCR: -1}
	if len(b)%188 != 0 {
		return c, fmt.Errorf("%d bytes are no whole packets", len(b))
	}
	for i := 0; i < len(b); i += 188 {
		if err := c.packet(b[i : i+188]); err != nil {
			return c, fmt.Errorf("packet %d: %w", i/188, err)
		}
	}
	return c, nil
}

func (c *checker) packet(b []byte) error {
	if b[0] != 0x47 || b[1]&0x80 != 0 || b[3]&0xc0 != 0 {
		return fmt.Errorf("header %x", b[:4])
	}
	pid, start := binary.BigEndian.Uint16(b[1:])&0x1fff, b[1]&0x40 != 0
	if len(c.first) < 4 {
		c.first = append(c.first, pid)
	}
	payload := b[4:]
	jump := false
	if b[3]&0x20 != 0 {
		n := int(b[4])
		if n > 183 || b[3]&0x10 != 0 && n > 182 || b[3]&0x10 == 0 && n != 183 {
			return fmt.Errorf("adaptation field of %d bytes", n)
		}
		payload = b[5+n:]
		if n > 0 {
			jump = b[5]&0x80 != 0
			if err := c.field(pid, b[5:5+n]); err != nil {
				return err
			}
		}
	}
	if jump {
		c.jumps++
	}
	if b[3]&0x10 == 0 {
		if last, ok := c.last[pid]; ok && last != b[3]&15 {
			return fmt.Errorf("pid %#x: counter moved without payload", pid)
		}
		return nil
	}
	if last, ok := c.last[pid]; ok && !jump && (last+1)&15 != b[3]&15 {
		return fmt.Errorf("pid %#x: counter %d after %d", pid, b[3]&15, last)
	}
	c.last[pid] = b[3] & 15
	switch {
	case pid == 0 || pid == 0x1001:
		return c.section(pid, start, payload)
	case !c.pids[pid]:
		return fmt.Errorf("pid %#x is in no table", pid)
	case start:
		return c.stamps(payload)
	}
	return nil
}

func (c *checker) field(pid uint16, f []byte) error {
	if f[0]&0x40 != 0 {
		c.access++
	}
	if f[0]&0x10 == 0 {
		return nil
	}
	c.clocks++
	if pid != c.clock {
		return fmt.Errorf("clock on pid %#x, not %#x", pid, c.clock)
	}
	pcr := int64(f[1])<<25 | int64(f[2])<<17 | int64(f[3])<<9 | int64(f[4])<<1 | int64(f[5]>>7)
	if c.anyTime {
		return nil
	}
	if step := (pcr - c.pcr) & (1<<33 - 1); c.pcr >= 0 && f[0]&0x80 == 0 && (step == 0 || step > 9000) {
		return fmt.Errorf("clock steps by %d", step)
	}
	c.pcr = pcr
	if c.tablePCR < 0 {
		c.tablePCR = pcr
	}
	if since := (pcr - c.tablePCR) & (1<<33 - 1); since > 45000 {
		return fmt.Errorf("no tables for %d", since)
	}
	return nil
}

func (c *checker) section(pid uint16, start bool, b []byte) error {
	if !start || b[0] != 0 {
		return errors.New("section does not begin with its packet")
	}
	b = b[1:]
	n := 3 + int(binary.BigEndian.Uint16(b[1:])&0xfff)
	if n > len(b) {
		return nil // goes on in the next packet: not looked into
	}
	if crc32(b[:n]) != 0 {
		return errors.New("wrong checksum")
	}
	if pid == 0 {
		c.tables++
		c.tablePCR = c.pcr
		return nil
	}
	if v := b[5] >> 1 & 31; len(c.versions) == 0 || c.versions[len(c.versions)-1] != v {
		c.versions = append(c.versions, v)
	}
	c.clock = binary.BigEndian.Uint16(b[8:]) & 0x1fff
	for es := b[12+int(b[11]) : n-4]; len(es) > 0; es = es[5+int(es[4]):] {
		c.pids[binary.BigEndian.Uint16(es[1:])&0x1fff] = true
	}
	return nil
}

func (c *checker) stamps(b []byte) error {
	c.pes++
	if b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xc0 != 0x80 {
		return fmt.Errorf("no PES header: %x", b[:9])
	}
	if c.anyTime {
		return nil
	}
	stamp := func(b []byte) int64 {
		return int64(b[0]&0x0e)<<29 | int64(b[1])<<22 | int64(b[2]&0xfe)<<14 | int64(b[3])<<7 | int64(b[4]>>1)
	}
	pts := stamp(b[9:])
	dts := pts
	if b[7]&0x40 != 0 {
		dts = stamp(b[14:])
	}
	if d := (dts - c.pcr) & (1<<33 - 1); c.pcr >= 0 && (d == 0 || d > 2*90000) {
		return fmt.Errorf("DTS %d, clock %d", dts, c.pcr)
	}
	if d := (pts - dts) & (1<<33 - 1); d > 5*90000 {
		return fmt.Errorf("PTS %d, DTS %d", pts, dts)
	}
	return nil
}
