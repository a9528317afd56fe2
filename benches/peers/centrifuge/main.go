// A server on the library that Centrifugo is made of, as the library's documentation builds one: a client names itself with
// a token, and is subscribed on the server's side to its user's channel and to one for all. Settings come from the
// environment; a line on standard output says that it listens.
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

const everyone = "all"

// key is what tokens are verified with, as a parser wants it.
func key(algorithm, key string) (any, error) {
	if algorithm == "ES256" {
		return jwt.ParseECPublicKeyFromPEM([]byte(key))
	}
	return []byte(key), nil
}

// admit answers to a client's first command.
func admit(algorithm string, key any) centrifuge.ConnectingHandler {
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
				everyone:                 {},
			},
		}, nil
	}
}

// node is a running one, with Redis for its broker.
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
	node.OnConnecting(admit(algorithm, key))
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

// version names the library's, as it was built.
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
