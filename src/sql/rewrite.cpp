#include "sql/rewrite.hpp"
