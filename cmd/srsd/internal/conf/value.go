package conf

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// check tells what is wrong with the arguments of a directive, and what an operator should know of
// them. Both are "" for a good value.
func (it *Item) check(args []string) (fault, warning string) {
	word := args[0]
	if len(args) > 1 && !it.Kind.several() {
		if warning = fmt.Sprintf("only the first value, %q, counts", word); it.Secret {
			warning = "only the first value counts"
		}
	}
	switch it.Kind {
	case BoolOff, BoolOn:
		if word != "on" && word != "off" {
			warning = fmt.Sprintf("%q is neither on nor off and is read as %s", word, onOff(it.parseBool(word)))
		}
	case Int, Float:
		return it.checkNumber(word, warning)
	case Enum:
		if !slices.Contains(it.Enum, word) {
			text := fmt.Sprintf("%q is not one of %s", word, strings.Join(it.Enum, ", "))
			if it.Soft {
				return "", text
			}
			return text, ""
		}
	case Addr, AddrList:
		for _, a := range args {
			if _, err := ParseAddr(a); err != nil {
				return err.Error(), ""
			}
			if it.Kind == Addr {
				break
			}
		}
	case Networks:
		if _, err := parseNetworks(args); err != nil {
			return err.Error(), ""
		}
	}
	return "", warning
}

func (it *Item) checkNumber(word, warning string) (string, string) {
	v, err := it.parseNumber(word)
	if err != nil {
		return fmt.Sprintf("%q is not %s", word, it.expects()), ""
	}
	if len(it.Enum) > 0 && !slices.Contains(it.Enum, strconv.FormatFloat(v, 'f', -1, 64)) {
		return fmt.Sprintf("%q is not one of %s", word, strings.Join(it.Enum, ", ")), ""
	}
	if it.Kind == Int && strings.Contains(word, ".") {
		warning = fmt.Sprintf("%q is read as %.0f: decimals are cut off", word, v)
	}
	l := it.Limits
	if l == nil || v >= l.Min && v <= l.Max {
		return "", warning
	}
	text := fmt.Sprintf("%s is outside %v to %v", word, l.Min, l.Max)
	switch l.Outside {
	case Refuse:
		return text, ""
	case Default:
		text += ", " + it.Default + " is used"
	case Clamp:
		text += fmt.Sprintf(", %v is used", it.limit(v))
	}
	return "", text
}

// expects names what a number should look like.
func (it *Item) expects() string {
	text := "a number"
	if it.Kind == Int {
		text = "a whole number"
	}
	if it.Unit != "" {
		text += " (" + it.Unit + ", written without the unit)"
	}
	return text
}

func (it *Item) parseBool(word string) bool {
	if it.Kind == BoolOn {
		return word != "off"
	}
	return word == "on"
}

var errNumber = errors.New("not a number")

// parseNumber reads a plain decimal number. SRS's atoi would take "4k" for 4 and junk for 0; we
// rather say so.
func (it *Item) parseNumber(word string) (float64, error) {
	digits := strings.TrimLeft(word, "+-")
	if len(word)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" {
		return 0, errNumber // ParseFloat also takes exponents, hexadecimal, inf and nan
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0, errNumber
	}
	if it.Kind == Int {
		v = math.Trunc(v)
	}
	if math.Abs(v) > 1<<53 {
		return 0, errNumber // beyond what is exact, and beyond any sense
	}
	return v, nil
}

// limit brings a number that was read within its limits, as the row says.
func (it *Item) limit(v float64) float64 {
	l := it.Limits
	if l == nil || v >= l.Min && v <= l.Max {
		return v
	}
	switch l.Outside {
	case Default:
		v, _ = it.parseNumber(it.Default)
	case Clamp:
		v = min(max(v, l.Min), l.Max)
	}
	return v
}

// ParseAddr turns SRS's "[ip:]port" into what net.Listen takes: "1935" becomes ":1935". An IPv6
// address stands in brackets.
func ParseAddr(s string) (string, error) {
	host, port := "", s
	if strings.Contains(s, ":") {
		var err error
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", fmt.Errorf("%q is not an address, expected [ip:]port with IPv6 in brackets", s)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q has no port from 1 to 65535", s)
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", fmt.Errorf("%q has no IP address before the port", s)
		}
	}
	return net.JoinHostPort(host, port), nil
}

// parseNetworks reads CIDRs and IP addresses; the word "none" alone is no network.
func parseNetworks(words []string) ([]netip.Prefix, error) {
	if len(words) == 1 && words[0] == "none" {
		return nil, nil
	}
	var list []netip.Prefix
	for _, w := range words {
		p, err := netip.ParsePrefix(w)
		if err != nil {
			a, err := netip.ParseAddr(w)
			if err != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is neither a CIDR, an IP address, nor none", w)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
