package conf_test

import (
	"fmt"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

func ExampleLoad() {
	text := `listen 1935;
vhost __defaultVhost__ {
	hls { enabled on; hls_fragment 4; hls_windw 24; }
}`
	options := conf.Options{
		Path:     "srs.conf",
		MaxFiles: func() uint64 { return 65536 },
		Environ:  []string{"SRS_VHOST_HLS_HLS_FRAGMENT=2"},
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	}
	_, err := conf.Load(options)
	fmt.Println(err)

	text = "listen 1935; max_connections 100; vhost __defaultVhost__ { hls { hls_fragment 4; } }"
	f, err := conf.Load(options)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, _ := f.Vhost("live.example.com")
	fmt.Println(v.Name, v.Bool("hls.enabled"), v.Duration("hls.hls_fragment"))
	// Output:
	// srs.conf:3: unknown directive "hls_windw" in vhost.hls, did you mean "hls_window"?
	// __defaultVhost__ false 2s
}
