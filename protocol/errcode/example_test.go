package errcode_test

import (
	"fmt"

	"github.com/srsgo/srs/protocol/errcode"
	"github.com/srsgo/srs/stream"
)

// What a log or an API says of an error.
func Example() {
	err := fmt.Errorf("publish /live/livestream: %w", stream.ErrBusy)
	c := errcode.Of(err)
	fmt.Println(c.Number, c.Name)
	// Output: 1028 StreamBusy
}
