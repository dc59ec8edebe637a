// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Request is a message as JSON.
type Request map[string]any

// With is a copy with one field set.
func (r Request) With(field string, value any) Request {
	copied := Request{}
	for name, old := range r {
		copied[name] = old
	}
	copied[field] = value
	return copied
}

// Client calls the service, from the text of its own definition.
type Client struct {
	Conn    *grpc.ClientConn
	service protoreflect.ServiceDescriptor
}

var definition = sync.OnceValues(func() (protoreflect.ServiceDescriptor, error) {
	dir := filepath.Join(Source(), "src", "ateom", "proto")
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{dir}}}
	files, err := compiler.Compile(context.Background(), "ateom.proto")
	if err != nil {
		return nil, err
	}
	service := files[0].Services().ByName("Ateom")
	if service == nil {
		return nil, fmt.Errorf("%s/ateom.proto: has no service Ateom", dir)
	}
	return service, nil
})

// Connect makes a client of a server; target is of gRPC's form, "unix:///path".
func Connect(target string) (*Client, error) {
	service, err := definition()
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &Client{conn, service}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.Conn.Close() }

// Definition of the service.
func Definition() (protoreflect.ServiceDescriptor, error) { return definition() }

// Call a method by its name.
func (c *Client) Call(ctx context.Context, method string, request Request, options ...grpc.CallOption,
) (*dynamicpb.Message, error) {
	m := c.service.Methods().ByName(protoreflect.Name(method))
	in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal(text, in); err != nil {
		return nil, err
	}
	return out, c.Conn.Invoke(ctx, "/"+string(c.service.FullName())+"/"+method, in, out, options...)
}

// Usual limit of a call.
const callLimit = 60 * time.Second

// Run an actor.
func (c *Client) Run(request Request, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	_, err := c.Call(ctx, "RunWorkload", request, options...)
	return err
}

// Checkpoint the actor: the names of the snapshot's files.
func (c *Client) Checkpoint(request Request, options ...grpc.CallOption) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if request["scope"] == nil {
		request = request.With("scope", "SNAPSHOT_SCOPE_FULL")
	}
	answer, err := c.Call(ctx, "CheckpointWorkload", request.With("snapshotUriPrefix", "gs://snapshots/1"), options...)
	if err != nil {
		return nil, err
	}
	list := answer.Get(answer.Descriptor().Fields().ByName("snapshot_files")).List()
	files := []string{}
	for i := range list.Len() {
		files = append(files, list.Get(i).String())
	}
	return files, nil
}

// Restore an actor.
func (c *Client) Restore(request Request, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if request["scope"] == nil {
		request = request.With("scope", "SNAPSHOT_SCOPE_FULL")
	}
	_, err := c.Call(ctx, "RestoreWorkload", request, options...)
	return err
}

// Timings of a call from its trailer, by name.
func Timings(trailer metadata.MD) map[string]time.Duration {
	timings := map[string]time.Duration{}
	for name, values := range trailer {
		if stage, found := strings.CutPrefix(name, "x-server-"); found && strings.HasSuffix(stage, "-us") {
			us, err := strconv.ParseInt(values[0], 10, 64)
			if err == nil {
				timings[strings.TrimSuffix(stage, "-us")] = time.Duration(us) * time.Microsecond
			}
		}
	}
	return timings
}
