package codec

import (
	"encoding/hex"
	"strings"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// Configurations that ffmpeg wrote for a 320x180 picture.
var (
	vecSPS  = unhex("676400 0cacd941419f9f0110000003001000000303 20f1429960")
	vecPPS  = unhex("68efbcb0")
	vecAVCC = unhex("0164000cffe1001a 6764000cacd941419f9f011000000300100000030320f1429960 01000468efbcb0 fdf8f800")

	vecHEVCVPS = unhex("40010c01ffff01600000030090000003000003003c959009")
	vecHEVCSPS = unhex("42010101600000030090000003000003003ca00a080b9f7965" +
		"64924caf016808000003000800000300c840")
	vecHEVCPPS = unhex("4401c172b46240")

	vecAV1C = unhex("81000c000a0b000000043cfecc02f80040")
	// The sequence header that the same encoder wrote in-band.
	vecAV1Seq = unhex("0a0b000000043cfeccfbf90040")
)

func vecHEVCC() []byte {
	b, err := BuildHEVC([][]byte{vecHEVCVPS}, [][]byte{vecHEVCSPS}, [][]byte{vecHEVCPPS})
	if err != nil {
		panic(err)
	}
	return b
}
