package token_test

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/token"
)

// A URL that is good for playing one stream until a time.
func Example() {
	const key = "a secret of the server and of who hands out URLs"
	until := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	query := token.Sign(key, token.Grant{Path: "/live/livestream", Expires: until})

	grant, err := token.VerifySigned([]string{key}, "/live/livestream", query, until.Add(-time.Hour))
	fmt.Println(grant.Expires.UTC().Year(), err, grant.Allows(token.Play, "192.0.2.7:50000"))

	values, _ := url.ParseQuery(query)
	values.Set("expires", "9999999999")
	_, err = token.VerifySigned([]string{key}, "/live/livestream", strings.TrimPrefix(values.Encode(), "?"), until)
	fmt.Println(err)
	// Output:
	// 2030 <nil> <nil>
	// token: wrong signature
}
