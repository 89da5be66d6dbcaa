package main

func compareCommand([]string) error { return nil }
