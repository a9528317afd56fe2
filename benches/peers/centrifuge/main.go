// A server on Centrifuge, the library behind Centrifugo, as the library's documentation shows it. A
// client authenticates with a token; the server subscribes it to its user's channel and to a
// channel for all. Settings come from the environment. A line on standard output says that the
// server listens.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

const allClients = "all"

// key parses the key that verifies tokens.
func key(algorithm, key string) (any, error) {
	if algorithm == "ES256" {
		return jwt.ParseECPublicKeyFromPEM([]byte(key))
	}
	return []byte(key), nil
}

// connecting returns the handler of a client's first command.
func connecting(algorithm string, key any) centrifuge.ConnectingHandler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithExpirationRequired())
	find := func(*jwt.Token) (any, error) { return key, nil }
	return func(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		claims := jwt.RegisteredClaims{}
		if _, err := parser.ParseWithClaims(event.Token, &claims, find); err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		return centrifuge.ConnectReply{
			Credentials: &centrifuge.Credentials{UserID: claims.Subject, ExpireAt: claims.ExpiresAt.Unix()},
			Subscriptions: map[string]centrifuge.SubscribeOptions{
				"user:" + claims.Subject: {},
				allClients:               {},
			},
		}, nil
	}
}

// node starts a node with Redis as its broker.
func node(redis string) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		return nil, err
	}
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: redis})
	if err != nil {
		return nil, err
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return nil, err
	}
	node.SetBroker(broker)
	algorithm := os.Getenv("JWT_ALGORITHM")
	key, err := key(algorithm, os.Getenv("JWT_KEY"))
	if err != nil {
		return nil, err
	}
	node.OnConnecting(connecting(algorithm, key))
	node.OnConnect(func(*centrifuge.Client) {})
	return node, node.Run()
}

func run() error {
	node, err := node(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	heartbeat, err := time.ParseDuration(os.Getenv("HEARTBEAT") + "s")
	if err != nil {
		return err
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		ReadBufferSize:     512,
		UseWriteBufferPool: true,
		PingPongConfig:     centrifuge.PingPongConfig{PingInterval: heartbeat, PongTimeout: heartbeat / 3},
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	fmt.Println("listening")
	return http.Serve(listener, nil)
}

// version returns the version of the library in this build.
func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "github.com/centrifugal/centrifuge" {
			return fmt.Sprintf("centrifuge %s, %s", module.Version, build.GoVersion)
		}
	}
	return "unknown"
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	log.Fatal(run())
}
