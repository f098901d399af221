const response = await fetch(process.argv[2], { method: "POST", body: "from a client" });
console.log(await response.text());
