package amf_test

import (
	"fmt"

	"github.com/srsgo/srs/protocol/amf"
)

func Example() {
	body := amf.AppendAll(nil, "connect", 1, amf.Object{
		{Name: "app", Value: "live"},
		{Name: "tcUrl", Value: "rtmp://localhost/live"},
	})
	values, err := amf.DecodeAll(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	args := values[2].(amf.Object)
	fmt.Println(values[0], values[1], args.String("app"), args.String("tcUrl"))
	// Output: connect 1 live rtmp://localhost/live
}

func ExampleDecode() {
	v, _, err := amf.Decode([]byte{0x02, 0x00, 0x05, 'l', 'i'})
	fmt.Println(v, err)
	// Output: <nil> amf: decode: string: needs 5 bytes, has 2
}

func ExampleAppend3() {
	fmt.Printf("%x\n", amf.Append3(nil, amf.StrictArray{true, 1, "a"}))
	// Output: 090701030401060361
}
