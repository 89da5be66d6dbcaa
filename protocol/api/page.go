package api

import "net/url"

// The number of objects in a list: what SRS gives at least, and what is given at most.
const (
	minPage = 10
	maxPage = 10_000
)

// page cuts the part out of a list that ?start= and ?count= ask for. As with SRS, what is not a
// number is 0, and nobody gets fewer than ten.
func page[T any](list []T, query url.Values) []T {
	start := min(leadingInt(query.Get("start")), len(list))
	count := min(max(leadingInt(query.Get("count")), minPage), maxPage)
	return list[start:min(start+count, len(list))]
}

// leadingInt reads the digits that a text begins with, as C's atoi does; negative numbers are 0,
// and large ones are cut.
func leadingInt(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1e8 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
