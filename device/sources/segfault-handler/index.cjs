// naudiodon calls this once when it is loaded. A crash of the capture child is seen and reported by its parent.
exports.registerHandler = () => {};
