#ifndef WSPD_CLIENT_STUB_BASE_INTRUSIVE_LIST_H_
#define WSPD_CLIENT_STUB_BASE_INTRUSIVE_LIST_H_

#include <cstddef>

namespace wsp {

// A place in an IntrusiveList. An object has one base of type ListNode<Tag> for
// each list that it can be in at the same time; Tag tells them apart.
template <typename Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  bool linked() const { return next_ != nullptr; }

  // Leaves the list that it is in, if any.
  void Unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <typename T, typename U>
  friend class IntrusiveList;

  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

// Leaves the one list that `Tag` stands for.
template <typename Tag>
void Unlink(ListNode<Tag>* node) {
  node->Unlink();
}

// A doubly linked list that owns nothing and allocates nothing. Elements have
// to be unlinked before they or the list go.
template <typename T, typename Tag>
class IntrusiveList {
 public:
  using Node = ListNode<Tag>;

  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }

  // Null if empty.
  T* front() const { return empty() ? nullptr : Item(head_.next_); }
  T* back() const { return empty() ? nullptr : Item(head_.prev_); }

  // The element behind `item`, null at the end.
  T* Next(T* item) const {
    Node* next = static_cast<Node*>(item)->next_;
    return next == &head_ ? nullptr : Item(next);
  }

  void PushBack(T* item) { InsertBefore(&head_, item); }
  void PushFront(T* item) { InsertBefore(head_.next_, item); }

  T* PopFront() {
    T* item = front();
    if (item != nullptr) static_cast<Node*>(item)->Unlink();
    return item;
  }

  // Moves everything of `other` behind what is here.
  void TakeAll(IntrusiveList* other) {
    while (T* item = other->PopFront()) PushBack(item);
  }

 private:
  static T* Item(Node* node) { return static_cast<T*>(node); }

  void InsertBefore(Node* place, Node* node) {
    node->next_ = place;
    node->prev_ = place->prev_;
    place->prev_->next_ = node;
    place->prev_ = node;
  }

  Node head_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_INTRUSIVE_LIST_H_
