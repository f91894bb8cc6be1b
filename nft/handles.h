#pragma once
// RAII names for what libnftnl allocates, and the two calls that move ownership into another object.

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include <cstdint>
#include <memory>
#include <new>

namespace tierwall::nft {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using TablePtr = std::unique_ptr<nftnl_table, FreeWith<nftnl_table_free>>;
using ChainPtr = std::unique_ptr<nftnl_chain, FreeWith<nftnl_chain_free>>;
using RulePtr = std::unique_ptr<nftnl_rule, FreeWith<nftnl_rule_free>>;
using ExprPtr = std::unique_ptr<nftnl_expr, FreeWith<nftnl_expr_free>>;
using SetPtr = std::unique_ptr<nftnl_set, FreeWith<nftnl_set_free>>;
using ElemPtr = std::unique_ptr<nftnl_set_elem, FreeWith<nftnl_set_elem_free>>;
using ObjectPtr = std::unique_ptr<nftnl_obj, FreeWith<nftnl_obj_free>>;
using UdataPtr = std::unique_ptr<nftnl_udata_buf, FreeWith<nftnl_udata_buf_free>>;

/// An allocation that failed is out of memory: an exception like any other.
template <typename Ptr>
Ptr allocated(typename Ptr::pointer object) {
  if (object == nullptr) throw std::bad_alloc();
  return Ptr(object);
}

inline TablePtr make_table() {
  return allocated<TablePtr>(nftnl_table_alloc());
}
inline ChainPtr make_chain() {
  return allocated<ChainPtr>(nftnl_chain_alloc());
}
inline RulePtr make_rule() {
  return allocated<RulePtr>(nftnl_rule_alloc());
}
inline ExprPtr make_expr(const char* name) {
  return allocated<ExprPtr>(nftnl_expr_alloc(name));
}
inline SetPtr make_set() {
  return allocated<SetPtr>(nftnl_set_alloc());
}
inline ElemPtr make_elem() {
  return allocated<ElemPtr>(nftnl_set_elem_alloc());
}
inline ObjectPtr make_object() {
  return allocated<ObjectPtr>(nftnl_obj_alloc());
}
inline UdataPtr make_udata() {
  return allocated<UdataPtr>(nftnl_udata_buf_alloc(256));
}

/// The rule owns its expressions, the set its elements.
inline void add_expr(nftnl_rule& rule, ExprPtr expr) {
  nftnl_rule_add_expr(&rule, expr.release());
}
inline void add_elem(nftnl_set& set, ElemPtr elem) {
  nftnl_set_elem_add(&set, elem.release());
}

}  // namespace tierwall::nft
