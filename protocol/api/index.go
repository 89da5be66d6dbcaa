package api

import (
	"net/http"
	"strconv"
	"strings"
)

// index is the answer of a path that lists others.
type index struct {
	head
	URLs any `json:"urls"`
}

func (m *Module) indexRoot(w http.ResponseWriter, _ *http.Request) {
	type v1 struct {
		Play    string `json:"play"`
		Publish string `json:"publish"`
		Nack    string `json:"nack"`
	}
	type rtc struct {
		V1 v1 `json:"v1"`
	}
	reply(w, index{m.head(), struct {
		API string `json:"api"`
		RTC rtc    `json:"rtc"`
	}{"the api root", rtc{v1{"Play stream", "Publish stream", "Simulate the NACK"}}}})
}

func (m *Module) indexAPI(w http.ResponseWriter, _ *http.Request) {
	reply(w, index{m.head(), struct {
		V1 string `json:"v1"`
	}{"the api version 1.0"}})
}

func (m *Module) indexV1(w http.ResponseWriter, _ *http.Request) {
	fail(w, 0)
}

func (m *Module) versions(w http.ResponseWriter, _ *http.Request) {
	v := m.cfg.Load().Version
	if v == "" {
		v = "0.0.0"
	}
	var n [3]int
	for i, s := range strings.SplitN(v, ".", 3) {
		n[i], _ = strconv.Atoi(s)
	}
	reply(w, struct {
		head
		Data any `json:"data"`
	}{m.head(), struct {
		Major    int    `json:"major"`
		Minor    int    `json:"minor"`
		Revision int    `json:"revision"`
		Version  string `json:"version"`
	}{n[0], n[1], n[2], v}})
}
