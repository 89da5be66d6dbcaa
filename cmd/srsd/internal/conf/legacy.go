package conf

// Names of older versions, by what they were in. SRS rewrites them when it loads a file, and so do
// we, so that everything behind Load sees one form. Each gets a warning.

// vhostMoves are directives that stood in a vhost itself.
var vhostMoves = map[string]string{
	"publish_1stpkt_timeout": "publish.firstpkt_timeout",
	"publish_normal_timeout": "publish.normal_timeout",
	"time_jitter":            "play.time_jitter",
	"mix_correct":            "play.mix_correct",
	"atc":                    "play.atc",
	"atc_auto":               "play.atc_auto",
	"mw_latency":             "play.mw_latency",
	"gop_cache":              "play.gop_cache",
	"gop_cache_max_frames":   "play.gop_cache_max_frames",
	"queue_length":           "play.queue_length",
	"send_min_interval":      "play.send_min_interval",
	"reduce_sequence_header": "play.reduce_sequence_header",
	"mode":                   "cluster.mode",
	"origin":                 "cluster.origin",
	"token_traverse":         "cluster.token_traverse",
	"vhost":                  "cluster.vhost",
	"debug_srs_upnode":       "cluster.debug_srs_upnode",
	"refer":                  "refer.all",
	"refer_play":             "refer.play",
	"refer_publish":          "refer.publish",
	"forward":                "forward.destination",
}

// blockMoves are the children of blocks that were merged into others.
var blockMoves = map[string]map[string]string{
	"mr":   {"enabled": "publish.mr", "latency": "publish.mr_latency"},
	"nack": {"enabled": "rtc.nack", "no_copy": "rtc.nack_no_copy"},
	"twcc": {"enabled": "rtc.twcc"},
}

// transform rewrites the old names in a whole configuration.
func transform(root []*Directive, x *findings) {
	for _, d := range root {
		switch d.Name {
		case "http_stream":
			renamed(x, d, "http_stream", "http_server")
			d.Name = "http_server"
		case "srt_server":
			if c := d.Child("tlpkdrop"); c != nil {
				renamed(x, c, "srt_server.tlpkdrop", "srt_server.tlpktdrop")
				c.Name = "tlpktdrop"
			}
		case "stream_caster":
			transformCaster(d, x)
		case "vhost":
			transformVhost(d, x)
		}
	}
}

func renamed(x *findings, d *Directive, from, to string) {
	x.warnf(atDirective(d, from), "an old name, read as %s", to)
}

func transformCaster(d *Directive, x *findings) {
	kept := d.Children[:0:0]
	var host *Directive
	for _, c := range d.Children {
		if c.Name == "host" && !c.Block {
			renamed(x, c, "stream_caster.host", "sip.candidate")
			host = c
			continue
		}
		kept = append(kept, c)
	}
	if d.Children = kept; host != nil {
		put(d, "sip.candidate", host, host.Args)
	}
}

// transformVhost takes the old directives out and then puts them where they belong: a block they
// go into may stand behind them.
func transformVhost(d *Directive, x *findings) {
	kept := d.Children[:0:0]
	var moves []func()
	for _, c := range d.Children {
		to, single := vhostMoves[c.Name]
		inner, block := blockMoves[c.Name]
		switch {
		case single && !c.Block:
			renamed(x, c, "vhost."+c.Name, to)
			moves = append(moves, func() { move(d, to, c) })
		case block && c.Block:
			moves = append(moves, func() { dissolve(d, c, inner, x) })
		default:
			transformBlock(c, x)
			kept = append(kept, c)
		}
	}
	d.Children = kept
	for _, m := range moves {
		m()
	}
}

// transformBlock rewrites what is in one block of a vhost.
func transformBlock(c *Directive, x *findings) {
	switch c.Name {
	case "http":
		renamed(x, c, "vhost.http", "http_static")
		c.Name = "http_static"
	case "http_remux":
		kept := c.Children[:0:0]
		for _, r := range c.Children {
			if r.Name == "hstrs" {
				x.warnf(atDirective(r, "vhost.http_remux.hstrs"), "an old name without effect: it is always on")
				continue
			}
			kept = append(kept, r)
		}
		c.Children = kept
	case "rtc":
		for _, r := range c.Children {
			switch r.Name {
			case "aac":
				transformSwitch(r, "rtmp_to_rtc", "transcode", "discard", x)
			case "bframe":
				transformSwitch(r, "keep_bframe", "keep", "discard", x)
			}
		}
	}
}

// transformSwitch makes on and off of two words.
func transformSwitch(r *Directive, to, on, off string, x *findings) {
	path := "vhost.rtc." + r.Name
	if r.Arg() != on && r.Arg() != off {
		x.errorf(atDirective(r, path), "%q is not one of %s, %s", r.Arg(), on, off)
	}
	renamed(x, r, path, to+" "+onOff(r.Arg() == on))
	r.Name, r.Args = to, []string{onOff(r.Arg() == on)}
}

// move puts an old directive's arguments at a path in the vhost. The old refer and forward had no
// switch of their own.
func move(vhost *Directive, to string, old *Directive) {
	if len(old.Args) == 0 {
		return // as if it was not there
	}
	block, _ := split(to)
	put(vhost, to, old, old.Args)
	if block == "refer" || block == "forward" {
		put(vhost, block+".enabled", old, []string{"on"})
	}
}

// dissolve moves what is in an old block; names it never had are refused here.
func dissolve(vhost, old *Directive, inner map[string]string, x *findings) {
	for _, c := range old.Children {
		to, ok := inner[c.Name]
		if !ok || c.Block {
			x.errorf(atDirective(c, ""), "unknown directive %q in vhost.%s", c.Name, old.Name)
			continue
		}
		renamed(x, c, "vhost."+old.Name+"."+c.Name, to)
		put(vhost, to, c, c.Args)
	}
}

// put sets block.name inside d, as if it had been written where from was. Like SRS it replaces what
// the block already says: the old name wins over the new.
func put(d *Directive, path string, from *Directive, args []string) {
	block, name := split(path)
	b := d.Child(block)
	if b == nil {
		b = &Directive{Name: block, Block: true, File: from.File, Line: from.Line}
		d.Children = append(d.Children, b)
	}
	b.Block = true
	c := b.Child(name)
	if c == nil {
		c = &Directive{Name: name}
		b.Children = append(b.Children, c)
	}
	c.Args, c.File, c.Line, c.span = args, from.File, from.Line, nil
}
