// Package rtc publishes and plays by WebRTC.
package rtc
