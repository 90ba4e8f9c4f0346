// The local service of the benchmark, and the checker that nginx's auth_request asks: one epoll loop, as little work as
// possible, so that what is measured is the edge.
//
//   service PORT            GET /1k, GET /100m, PUT /upload (counted and dropped)
//   service PORT check KEY  GET anything: 200 when the cookie `session=NAME.EXPIRY.MAC` is right and not expired, else 401
//   service mint KEY NAME   prints such a cookie
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_LIMIT = 16384, PIECE = 262144, FILES = 4096 };

struct connection {
  char head[HEAD_LIMIT + 1];
  size_t head_length;
  long long body_left;  // of the request, still to be read and dropped
  char answer[512];
  size_t answer_length, answer_sent;
  long long content_left;  // of the response, still to be written
};

static struct connection *connections[FILES];
static char content[PIECE], dropped[PIECE];
static const char *key;

static void mac(const char *text, size_t length, char *hex) {
  unsigned char out[32];
  unsigned int size = sizeof out;
  HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, length, out, &size);
  for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", out[i]);
}

static int admitted(const char *head) {
  const char *cookie = strstr(head, "session=");
  if (!cookie) return 0;
  cookie += 8;
  size_t length = strcspn(cookie, "; \r\n");
  char value[512], hex[65];
  if (length >= sizeof value) return 0;
  memcpy(value, cookie, length);
  value[length] = 0;
  char *last = strrchr(value, '.');
  if (!last || strlen(last + 1) != 64) return 0;
  *last = 0;
  mac(value, strlen(value), hex);
  char *expiry = strrchr(value, '.');
  return CRYPTO_memcmp(hex, last + 1, 64) == 0 && expiry && atoll(expiry + 1) > (long long)time(NULL);
}

static void end(int fd) {
  free(connections[fd]);
  connections[fd] = NULL;
  close(fd);
}

static void answer(struct connection *c, const char *status, long long length) {
  c->answer_length = (size_t)snprintf(c->answer, sizeof c->answer,
                                      "HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %lld\r\n\r\n",
                                      status, length);
  c->answer_sent = 0;
  c->content_left = length;
}

// Decides what to answer once a head is complete; the body, if any, has been read by then.
static void respond(struct connection *c) {
  if (key) {
    answer(c, admitted(c->head) ? "200 OK" : "401 Unauthorized", 0);
  } else if (!strncmp(c->head, "GET /1k", 7)) {
    answer(c, "200 OK", 1024);
  } else if (!strncmp(c->head, "GET /100k", 9)) {
    answer(c, "200 OK", 102400);
  } else if (!strncmp(c->head, "GET /100m", 9)) {
    answer(c, "200 OK", 104857600);
  } else if (strstr(c->head, " /upload ")) {
    answer(c, "200 OK", 0);
  } else {
    answer(c, "404 Not Found", 0);
  }
}

static long long body_length(const char *head) {
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, "content-length:", 15)) return atoll(line + 17);
  return 0;
}

// Writes what is to be written; 0 when there is more than the socket takes now, -1 when the connection is gone.
static int flush(int fd, struct connection *c) {
  while (c->answer_sent < c->answer_length || c->content_left > 0) {
    struct iovec parts[2];
    int count = 0;
    if (c->answer_sent < c->answer_length) {
      parts[count].iov_base = c->answer + c->answer_sent;
      parts[count++].iov_len = c->answer_length - c->answer_sent;
    }
    if (c->content_left > 0) {
      parts[count].iov_base = content;
      parts[count++].iov_len = c->content_left < PIECE ? (size_t)c->content_left : PIECE;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    size_t of_head = c->answer_length - c->answer_sent;
    if ((size_t)sent < of_head) of_head = (size_t)sent;
    c->answer_sent += of_head;
    c->content_left -= sent - (ssize_t)of_head;
  }
  return 1;
}

// Serves one readiness event; -1 when the connection is to be closed.
static int serve(int fd, struct connection *c) {
  for (;;) {
    int written = flush(fd, c);
    if (written <= 0) return written;
    if (c->body_left > 0) {
      ssize_t got = recv(fd, dropped, c->body_left < PIECE ? (size_t)c->body_left : PIECE, 0);
      if (got == 0) return -1;
      if (got < 0) return errno == EAGAIN ? 0 : -1;
      if ((c->body_left -= got) == 0) {
        respond(c);
        c->head_length = 0;
      }
      continue;
    }
    ssize_t got = recv(fd, c->head + c->head_length, HEAD_LIMIT - c->head_length, 0);
    if (got == 0) return -1;
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    c->head_length += (size_t)got;
    c->head[c->head_length] = 0;
    char *stop = strstr(c->head, "\r\n\r\n");
    if (!stop) {
      if (c->head_length == HEAD_LIMIT) return -1;
      continue;
    }
    size_t head = (size_t)(stop + 4 - c->head), more = c->head_length - head;
    stop[2] = 0;
    c->body_left = body_length(c->head) - (long long)more;
    if (c->body_left <= 0) {  // the load generators do not pipeline, so what is left over is the body
      c->body_left = 0;
      respond(c);
      c->head_length = 0;
    }
  }
}

int main(int count, char **arguments) {
  if (count == 4 && !strcmp(arguments[1], "mint")) {
    char value[256], hex[65];
    key = arguments[2];
    snprintf(value, sizeof value, "%s.%lld", arguments[3], (long long)time(NULL) + 86400);
    mac(value, strlen(value), hex);
    printf("session=%s.%s\n", value, hex);
    return 0;
  }
  if (count == 4 && !strcmp(arguments[2], "check")) key = arguments[3];
  else if (count != 2) return 64;
  memset(content, 'x', sizeof content);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
    perror("service");
    return 69;
  }
  int queue = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    struct epoll_event ready[256];
    int n = epoll_wait(queue, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        int fresh;
        while ((fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          if (fresh >= FILES || !(connections[fresh] = calloc(1, sizeof(struct connection)))) {
            close(fresh);
            continue;
          }
          setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          event.events = EPOLLIN | EPOLLOUT | EPOLLET;
          event.data.fd = fresh;
          epoll_ctl(queue, EPOLL_CTL_ADD, fresh, &event);
        }
      } else if (connections[fd] && serve(fd, connections[fd]) < 0) {
        end(fd);
      }
    }
  }
}
