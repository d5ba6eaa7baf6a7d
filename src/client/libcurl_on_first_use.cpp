/// libcurl's functions for a program that seldom calls them: linked in place of libcurl, they load it when one is
/// called. The library for other programs links libcurl as usual, so that who packs such a program sees what it needs.

#include <cstdarg>

#include <curl/curl.h>

#include "core/on_first_use.hpp"

// Macros of the same names check the number of arguments.
#undef curl_easy_getinfo
#undef curl_easy_setopt

namespace {

template <class Function>
using libcurl = borealis::core::on_first_use<Function>;

#define BOREALIS_LIBCURL(name) constinit const libcurl<decltype(::name)> real_##name("libcurl.so.4", #name)
BOREALIS_LIBCURL(curl_easy_cleanup);
BOREALIS_LIBCURL(curl_easy_getinfo);
BOREALIS_LIBCURL(curl_easy_init);
BOREALIS_LIBCURL(curl_easy_perform);
BOREALIS_LIBCURL(curl_easy_reset);
BOREALIS_LIBCURL(curl_easy_setopt);
BOREALIS_LIBCURL(curl_easy_strerror);
BOREALIS_LIBCURL(curl_global_init);
BOREALIS_LIBCURL(curl_slist_append);
BOREALIS_LIBCURL(curl_slist_free_all);
#undef BOREALIS_LIBCURL

}  // namespace

extern "C" {

CURLcode curl_global_init(long flags) { return real_curl_global_init(flags); }
CURL* curl_easy_init() { return real_curl_easy_init(); }
void curl_easy_cleanup(CURL* handle) { real_curl_easy_cleanup(handle); }
void curl_easy_reset(CURL* handle) { real_curl_easy_reset(handle); }
CURLcode curl_easy_perform(CURL* handle) { return real_curl_easy_perform(handle); }
const char* curl_easy_strerror(CURLcode code) { return real_curl_easy_strerror(code); }
curl_slist* curl_slist_append(curl_slist* list, const char* text) { return real_curl_slist_append(list, text); }
void curl_slist_free_all(curl_slist* list) { real_curl_slist_free_all(list); }

// The third argument is a long, a curl_off_t or a pointer: one machine word each on the 64-bit Linux we build for.
static_assert(sizeof(long) == sizeof(void*) && sizeof(curl_off_t) == sizeof(void*));

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
    va_list rest;
    va_start(rest, option);
    void* const value = va_arg(rest, void*);
    va_end(rest);
    return real_curl_easy_setopt(handle, option, value);
}

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO what, ...) {
    va_list rest;
    va_start(rest, what);
    void* const into = va_arg(rest, void*);
    va_end(rest);
    return real_curl_easy_getinfo(handle, what, into);
}

}  // extern "C"
