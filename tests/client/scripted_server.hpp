#pragma once
/// An HTTP server on a loopback port that plays a script: one step a request, in the order of their arrival.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace borealis::client::tests {

struct seen_request {
    std::string method, target, body;
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    int connection = 0;                          ///< Counted from 0.
};

/// What the server does with one request.
struct step {
    enum class kind { answer, close, close_after_head, stay_silent };
    kind what = kind::answer;
    std::string bytes = {};  ///< Of the answer, sent as they are.
    bool close_after = false;
};

/// 200 with a JSON body.
step answer(std::string_view body);
/// A status with an x-amzn-ErrorType (none where it is empty), a message, and more header lines, each ending in \r\n.
step refuse(int status, std::string_view type, std::string_view message, std::string_view headers = "");
/// Reads the whole request, then closes without a word: its answer is lost.
step lose();

class scripted_server {
 public:
    explicit scripted_server(std::vector<step> script = {});
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;
    ~scripted_server();

    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::string authority() const;
    [[nodiscard]] std::vector<seen_request> requests() const;
    /// Returns once it has closed so many connections of its own accord.
    void await_closed(int count);
    /// After the script: each further request is answered like this (default: 500 `script is over`).
    void otherwise(step next);

 private:
    void accept_all();
    void serve(int socket, int number);
    step next_step(seen_request request);

    int listener_ = -1;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<step> script_;
    std::size_t at_ = 0;
    step otherwise_;
    std::vector<seen_request> requests_;
    std::vector<int> sockets_;
    int closed_ = 0;
    std::condition_variable closing_;
    std::atomic<bool> stopping_ = false;
    std::list<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace borealis::client::tests
