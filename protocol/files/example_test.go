package files_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/files"
)

// A directory of recordings at a place of its own, in a server that an application has already.
func Example() {
	dir, err := os.MkdirTemp("", "recordings")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "talk.mp4"), []byte("0123456789"), 0o644); err != nil {
		panic(err)
	}
	srv := protocol.NewServer(protocol.Config{}, files.New(files.Config{
		Mounts: []files.Mount{{Path: "/recordings", Dir: dir}},
	}))

	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/recordings/talk.mp4", nil)
	r.Header.Set("Range", "bytes=2-5")
	if err := srv.Start(r.Context()); err != nil {
		panic(err)
	}
	defer srv.Shutdown(r.Context())
	srv.Handler("http").ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Body)
	// Output: 206 video/mp4 2345
}
