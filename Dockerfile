# The edge as a small image that runs as an ordinary user. See README.md, "Containers": not built by this project's tests.
FROM swift:6.3-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libssl-dev libcurl4-openssl-dev libyaml-dev libsqlite3-dev libcrypt-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product tunnel-edge --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked \
 && install -D -m 755 "$(swift build -c release --show-bin-path)/tunnel-edge" /out/tunnel-edge

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates openssl libssl3 libcurl4 libyaml-0-2 libsqlite3-0 libcrypt1 libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tunnel-edge \
 # A new volume mounted here takes over this owner.
 && install -d -o tunnel-edge -g tunnel-edge -m 700 /var/lib/tunnel-edge
COPY --from=build /out/tunnel-edge /usr/local/bin/tunnel-edge
USER tunnel-edge
WORKDIR /var/lib/tunnel-edge
EXPOSE 8443 2222
# The configuration of the default command; with another one set TUNNEL_EDGE_CONFIG, for both.
ENV TUNNEL_EDGE_CONFIG=/etc/tunnel-edge/config.yaml
HEALTHCHECK --interval=10s --timeout=15s --start-period=10s CMD ["tunnel-edge", "health"]
ENTRYPOINT ["tunnel-edge"]
CMD ["run"]
