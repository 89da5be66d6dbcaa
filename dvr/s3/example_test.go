package s3_test

import (
	"context"
	"log"
	"strings"

	"github.com/srsgo/srs/dvr/s3"
	"github.com/srsgo/srs/protocol/storage"
)

// Files go to a bucket as they are made. While it cannot be reached they wait on disk.
func Example() {
	bucket, err := s3.New(s3.Config{Endpoint: "minio.example:9000", Bucket: "live", AccessKey: "me", SecretKey: "…", Prefix: "eu-1"})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := storage.NewDisk("./objs/upload")
	if err != nil {
		log.Fatal(err)
	}
	spool, err := storage.NewSpool(storage.SpoolConfig{Dir: dir, Remote: bucket})
	if err != nil {
		log.Fatal(err)
	}
	defer spool.Close()
	// Here it would be given to hls, dash or dvr.
	_ = spool.Put(context.Background(), "live/livestream-1.ts", strings.NewReader("…"), -1)
}
