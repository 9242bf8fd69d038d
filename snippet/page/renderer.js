document.currentScript.ready(()=>{});
