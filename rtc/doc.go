// Package rtc publishes and plays by WebRTC: browsers, OBS and every client of WHIP and WHEP send to a
// [Module] and are sent to, and what they publish plays by all other protocols of the server, as theirs does
// by this one. A server for RTMP and WebRTC, with the sound converted in both directions:
//
//	server := protocol.NewServer(
//		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{":8080"}}}},
//		rtmp.New(rtmp.Config{}),
//		rtc.New(rtc.Config{}),
//	)
//	sound := transcode.New(transcode.Config{Codecs: []transcode.Codec{opus.Codec(), aac.Codec()}})
//	server.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
//		return stream.Settings{Convert: sound}, nil
//	})
//	log.Fatal(server.Run(ctx))
//
// # Signalling
//
// On each HTTP listener of Config.HTTP:
//
//	/rtc/v1/whip/?app=live&stream=livestream   publish: POST of an offer (WHIP, RFC 9725)
//	/rtc/v1/whep/?app=live&stream=livestream   play, likewise (WHEP); whip-play is another name of it
//	/rtc/v1/publish/, /rtc/v1/play/            the JSON API of SRS
//	/players/whip.html, /players/whep.html     a page that publishes or plays, with figures of what arrives;
//	                                           rtc_publisher.html and rtc_player.html use the JSON API
//
// A session's URL, which WHIP and WHEP answer with, takes DELETE, and PATCH for trickled candidates and ICE
// restarts. Publishers and players pass the hub's gates, as those of all protocols. Browsers open the camera
// for pages from HTTPS or localhost alone.
//
// # Transport
//
// All media go through the addresses in Config.Listen, one UDP port for everybody, or through TCP
// (Config.ListenTCP, ICE over TCP) where networks block UDP. The server is ICE lite: clients come to it, at
// the addresses that [Candidates] has them told, so that behind a NAT the public one has to be named there,
// or a STUN server that tells it. What comes to one of several addresses of the machine is answered from there
// (Linux). With several cores, several sockets take what clients send (Config.Sockets). Media are
// encrypted (DTLS-SRTP) unless Config.Plain or the request says otherwise. A client's address that changes is
// followed.
//
// Loss is repaired by retransmission (NACK, RTX), in both directions; publishers are given feedback for their
// congestion control (transport-wide), and asked for key frames when viewers need one. Of a publisher that
// sends several layers (simulcast) each viewer is sent the best one that its path carries.
//
// # Codecs
//
// H.264, HEVC, AV1, VP9 and VP8; Opus and G.711. Pictures pass as they are, whatever protocol they come from, to
// clients that offer the codec. B-frames are left out unless Vhost.KeepBFrames is set: WebRTC has no time of decoding. Sound that a client cannot play is converted if stream.Settings.Convert is set, once per
// stream: AAC and others to Opus for players, Opus to AAC for those of other protocols.
//
// # Limits
//
// Config.MaxSessions bounds the sessions, and a session from which nothing comes ends after Vhost.Timeout.
// Descriptions are read up to 64 KiB.
//
// Not there: data channels, forward error correction (FlexFEC, ULPFEC), redundant sound (RED), TURN (clients may
// use one of theirs: Config.ICEServers), and a client that connects to other servers.
package rtc
