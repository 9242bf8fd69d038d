// What most popups do, to compare with: the pointer is out of the page, however and wherever.
document.currentScript.ready((link, trigger, stands, fire) => {
  addEventListener("mouseout", ({ relatedTarget }) => relatedTarget || fire());
});
