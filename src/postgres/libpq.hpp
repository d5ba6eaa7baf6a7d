#pragma once
/// libpq's functions, by their own names: within this namespace a call finds these objects, and the first one loads the
/// library. Nothing is linked with it, so that one left out here is an error of the linker's.

#include <libpq-fe.h>

#include "core/on_first_use.hpp"

namespace borealis::postgres {

#define BOREALIS_LIBPQ(name) inline constinit const core::on_first_use<decltype(::name)> name("libpq.so.5", #name)
BOREALIS_LIBPQ(PQbackendPID);
BOREALIS_LIBPQ(PQcancel);
BOREALIS_LIBPQ(PQclear);
BOREALIS_LIBPQ(PQcmdStatus);
BOREALIS_LIBPQ(PQconndefaults);
BOREALIS_LIBPQ(PQconnectPoll);
BOREALIS_LIBPQ(PQconnectStartParams);
BOREALIS_LIBPQ(PQconnectionNeedsPassword);
BOREALIS_LIBPQ(PQconninfoFree);
BOREALIS_LIBPQ(PQconsumeInput);
BOREALIS_LIBPQ(PQenterPipelineMode);
BOREALIS_LIBPQ(PQerrorMessage);
BOREALIS_LIBPQ(PQexitPipelineMode);
BOREALIS_LIBPQ(PQfinish);
BOREALIS_LIBPQ(PQflush);
BOREALIS_LIBPQ(PQfmod);
BOREALIS_LIBPQ(PQfname);
BOREALIS_LIBPQ(PQfreeCancel);
BOREALIS_LIBPQ(PQfreemem);
BOREALIS_LIBPQ(PQftable);
BOREALIS_LIBPQ(PQftablecol);
BOREALIS_LIBPQ(PQftype);
BOREALIS_LIBPQ(PQgetCancel);
BOREALIS_LIBPQ(PQgetResult);
BOREALIS_LIBPQ(PQgetisnull);
BOREALIS_LIBPQ(PQgetlength);
BOREALIS_LIBPQ(PQgetvalue);
BOREALIS_LIBPQ(PQisBusy);
BOREALIS_LIBPQ(PQlibVersion);
BOREALIS_LIBPQ(PQnfields);
BOREALIS_LIBPQ(PQnotifies);
BOREALIS_LIBPQ(PQntuples);
BOREALIS_LIBPQ(PQpipelineSync);
BOREALIS_LIBPQ(PQresultErrorField);
BOREALIS_LIBPQ(PQresultStatus);
BOREALIS_LIBPQ(PQsendDescribePrepared);
BOREALIS_LIBPQ(PQsendPrepare);
BOREALIS_LIBPQ(PQsendQuery);
BOREALIS_LIBPQ(PQsendQueryParams);
BOREALIS_LIBPQ(PQsendQueryPrepared);
BOREALIS_LIBPQ(PQsetErrorVerbosity);
BOREALIS_LIBPQ(PQsetNoticeReceiver);
BOREALIS_LIBPQ(PQsetSingleRowMode);
BOREALIS_LIBPQ(PQsetnonblocking);
BOREALIS_LIBPQ(PQsocket);
BOREALIS_LIBPQ(PQsslInUse);
BOREALIS_LIBPQ(PQsslStruct);
BOREALIS_LIBPQ(PQstatus);
BOREALIS_LIBPQ(PQtransactionStatus);
#undef BOREALIS_LIBPQ

}  // namespace borealis::postgres
