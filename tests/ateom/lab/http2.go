// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// HealthMethod is what FirstAnswer may ask for, with an empty message.
const HealthMethod = "/grpc.health.v1.Health/Check"

// FirstAnswer calls a method over a new connection by hand, and reads until the answer has come, whatever it is. Nothing
// is waited for before the request is sent, which RFC 9113, section 3.4 allows.
func FirstAnswer(conn net.Conn, method string, message []byte) error {
	var head, out bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", method},
		{":authority", "localhost"}, {"content-type", "application/grpc"}, {"te", "trailers"}} {
		encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, conn)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true})
	framer.WriteData(1, true, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...))
	if _, err := io.Copy(conn, &out); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.HeadersFrame:
			if f.StreamID == 1 && f.StreamEnded() {
				return nil
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return fmt.Errorf("no answer: %v", f)
		}
	}
}
