#pragma once
/// Asio's words with our concrete executor: no type-erased `any_io_executor` on any path.

#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace borealis::core {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;

template <class T>
using awaitable = asio::awaitable<T, executor>;

using timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, executor>;

/// Completion token of every asynchronous call: `auto [ec, n] = co_await socket.async_read_some(buffer,
/// core::as_tuple);`
inline constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable_t<executor>());

/// The same for calls whose failures are bugs.
inline constexpr asio::use_awaitable_t<executor> use_awaitable = {};

}  // namespace borealis::core
