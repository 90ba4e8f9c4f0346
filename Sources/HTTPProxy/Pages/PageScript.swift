/// The only script there is: a live countdown. The page says the time without it.
enum PageScript {
  /// Counts from the server's remaining seconds, not from the browser's clock, which may be wrong.
  static let countdown = """
    (function(){var t=document.getElementById("countdown");if(!t)return;\
    var left=Number(t.getAttribute("data-seconds")),start=performance.now();\
    function show(){var s=Math.max(0,Math.ceil(left-(performance.now()-start)/1000)),m=Math.floor(s/60),r=s%60;\
    if(s>0){t.textContent="Expires in "+m+":"+(r<10?"0":"")+r;setTimeout(show,1000-(performance.now()-start)%1000);return}\
    t.setAttribute("role","alert");t.textContent="This request has expired. Start ssh again.";\
    document.querySelectorAll("button[data-expires]").forEach(function(b){b.disabled=true})}show()})();
    """
}
