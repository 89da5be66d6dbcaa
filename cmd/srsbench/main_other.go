//go:build !linux

package main

import "errors"

var errLinux = errors.New("srsbench needs Linux: it drives its connections with epoll")

func loadCommand(string, []string) error { return errLinux }
func getCommand([]string) error          { return errLinux }
func hlsCommand([]string) error          { return errLinux }
func rtcCommand([]string) error          { return errLinux }
func floorCommand([]string) error        { return errLinux }
func floorServer([]string) error         { return errLinux }
func pinExec([]string) error             { return errLinux }
func compareCommand([]string) error      { return errLinux }
