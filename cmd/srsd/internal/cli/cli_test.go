package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]Options{
		"": {}, "-h": {}, "-?": {}, "--help": {}, "foo": {}, "-t foo": {},
		"-v": {Action: ShowVersion}, "-V": {Action: ShowVersion}, "--version": {Action: ShowVersion},
		"-g": {Action: ShowSignature}, "-G": {Action: ShowSignature},
		"-t":                 {Action: Test},
		"-t -c a.conf":       {Action: Test, Config: "a.conf"},
		"-tc a.conf":         {Action: Test, Config: "a.conf"},
		"-ct a.conf":         {Action: Test, Config: "a.conf"},
		"-c a.conf -t":       {Action: Test, Config: "a.conf"},
		"-T":                 {Action: Dump},
		"-tT":                {Action: Dump},
		"-T -t -c a.conf":    {Action: Dump, Config: "a.conf"},
		"-Te":                {Action: Dump, EnvOnly: true},
		"-c a.conf":          {Action: Run, Config: "a.conf"},
		"-e":                 {Action: Run, EnvOnly: true},
		"-te":                {Action: Test, EnvOnly: true},
		"-doctor":            {Action: Doctor},
		"-doctor -c a.conf":  {Action: Doctor, Config: "a.conf"},
		"-c a.conf --doctor": {Action: Doctor, Config: "a.conf"},
		"-e -doctor":         {Action: Doctor, EnvOnly: true},
		"-demo":              {Action: Demo},
		"--demo":             {Action: Demo},
		"-c a.conf -h":       {Config: "a.conf"},
		"-c a.conf -demo":    {Action: Demo, Config: "a.conf"},
	} {
		got, err := Parse(strings.Fields(line))
		require.NoError(t, err, line)
		require.Equal(t, want.Action, got.Action, line)
		if want.Action >= Test {
			require.Equal(t, want, got, line)
		}
	}
	for _, line := range []string{"-x", "-c", "-t -cconf/ok.conf", "-tx", "-cconf/ok.conf -t"} {
		_, err := Parse(strings.Fields(line))
		require.Error(t, err, line)
	}
}
