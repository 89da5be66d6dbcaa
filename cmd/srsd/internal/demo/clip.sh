#!/bin/sh
# Makes clip.flv, the picture and sound of srsd -demo: 8 s that repeat without a seam.
#
# The scene has a period of 8 s = 200 frames = 375 AAC frames of 48 kHz. Three periods are encoded
# and the middle one is cut out, so that neither the sound's lead-in nor a first frame's rate
# shows at the seam.
set -e
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A background of slow colours, small and scaled up; a clock whose hand turns once in 8 s.
ffmpeg -hide_banner -loglevel error -y \
	-f lavfi -i "nullsrc=s=160x90:r=25:d=8,format=gbrp,geq=
r='58+34*sin(2*PI*(T/8+X/160))+16*sin(2*PI*(T/4-Y/90))':
g='58+30*sin(2*PI*(T/8+X/320+Y/180)+2)':
b='112+44*sin(2*PI*(T/8-X/200)+4)+14*sin(2*PI*(T/8+Y/90))',
scale=640:360:flags=bicubic,format=yuv420p" \
	-f lavfi -i "nullsrc=s=220x220:r=25:d=8,format=gbrap,geq=
r='255':g='250':b='240':
a='255*min(1,
 clip(3-abs(hypot(X-110,Y-110)-98),0,1)*(0.55+0.45*exp(-5*mod(T,1)))
+clip(2.2-hypot(X-110,Y-110)*abs(sin((mod(atan2(Y-110,X-110)+2*PI+PI/8,PI/4)-PI/8))),0,1)*between(hypot(X-110,Y-110),80,92)*0.8
+clip(3.2-abs((X-110)*cos(2*PI*T/8)+(Y-110)*sin(2*PI*T/8)),0,1)*between((X-110)*sin(2*PI*T/8)-(Y-110)*cos(2*PI*T/8),0,84)
+clip(8-hypot(X-110,Y-110),0,1))'" \
	-filter_complex "[0][1]overlay=380:70:format=auto,
drawtext=fontfile=$font:text='srsd':fontsize=84:fontcolor=white:x=56:y=104,
drawtext=fontfile=$font:text='live/livestream':fontsize=26:fontcolor=white@0.85:x=60:y=200,
drawtext=fontfile=$font:text='second %{eif\:mod(t,8)+1\:d} of 8':fontsize=20:fontcolor=white@0.7:x=60:y=240,
format=yuv420p[v]" -map "[v]" -c:v ffv1 "$tmp/scene.mkv"

# A plucked arpeggio, one note a second, with the clock's ticks.
note="st(0,mod(t,1));st(1,floor(mod(t,8)));st(2,261.63*pow(2,(0*eq(ld(1),0)+4*eq(ld(1),1)+7*eq(ld(1),2)+12*eq(ld(1),3)+9*eq(ld(1),4)+7*eq(ld(1),5)+4*eq(ld(1),6)+2*eq(ld(1),7))/12));0.28*exp(-3.2*ld(0))*(1-exp(-300*ld(0)))*(sin(2*PI*ld(2)*ld(0))+0.35*sin(4*PI*ld(2)*ld(0)))*(1-pow(ld(0),8))"
ffmpeg -hide_banner -loglevel error -y \
	-stream_loop 2 -i "$tmp/scene.mkv" \
	-f lavfi -i "aevalsrc=$(printf %s "$note" | sed 's/,/\\,/g;s/;/\\;/g'):s=48000:d=24:c=mono" \
	-map 0:v -map 1:a -frames:v 600 \
	-c:v libx264 -preset veryslow -profile:v main -bf 0 -refs 2 -g 25 -keyint_min 25 -sc_threshold 0 -b:v 380k -maxrate 480k -bufsize 480k \
	-pix_fmt yuv420p -c:a aac -b:a 64k -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact "$tmp/long.mp4"
ffmpeg -hide_banner -loglevel error -y -ss 8 -i "$tmp/long.mp4" -t 8 -c copy -map_metadata -1 -fflags +bitexact \
	-flvflags no_duration_filesize "$tmp/clip.flv"
mv "$tmp/clip.flv" clip.flv
